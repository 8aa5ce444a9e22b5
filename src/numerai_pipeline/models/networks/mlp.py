"""``mlp``: a multilayer perceptron, the first network to try."""

from typing import Annotated, Any, Literal

from pydantic import Field

from numerai_pipeline.core import Frozen, Positive
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.quiet_keras import load_keras


class MlpParameters(Frozen):
    """``[parameters]`` of ``mlp``."""

    units: tuple[Positive, ...] = Field(
        default=(128, 64),
        min_length=1,
        description="width of each hidden layer; wider ones learn the noise sooner",
    )
    activation: Literal["relu", "gelu", "silu", "selu", "tanh"] = Field(
        default="gelu", description="a smooth relu"
    )
    normalization: Literal["batch", "layer", "none"] = Field(
        default="batch", description="before each activation; steadies the first epochs"
    )
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        default=0.5,
        description="share of each layer hidden in a step; the signal is weak, "
        "so much of what a network finds is noise",
    )


def build(parameters: MlpParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, 1)``."""
    keras = load_keras()
    layers = keras.layers
    inputs = keras.Input((n_features,), name="features")
    # Codes 0..4 become -1..1, centred: the middle bin, and a missing value with
    # it, is 0 and says nothing.
    x = layers.Rescaling(scale=0.5, offset=-1.0, name="center")(inputs)
    for index, units in enumerate(parameters.units, start=1):
        x = layers.Dense(units, name=f"dense_{index}")(x)
        if parameters.normalization == "batch":
            x = layers.BatchNormalization(name=f"normalize_{index}")(x)
        elif parameters.normalization == "layer":
            x = layers.LayerNormalization(name=f"normalize_{index}")(x)
        x = layers.Activation(parameters.activation, name=f"activate_{index}")(x)
        x = layers.Dropout(parameters.dropout, name=f"drop_{index}")(x)
    # The signal is a hundredth of the targets' variance. So all predictions start at
    # 0.5, the mean of the targets, instead of far around it: nothing is unlearned.
    outputs = layers.Dense(
        1,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.5),
        name="target",
    )(x)
    return keras.Model(inputs, outputs, name="mlp")


FAMILY = KerasFamily(
    name="mlp",
    summary="multilayer perceptron (Keras): dense layers, normalized, with dropout",
    Parameters=MlpParameters,
    build=build,
)
