"""``tabm``: an ensemble of multilayer perceptrons in one network.

The members share all kernels; each scales their inputs and outputs by vectors of its
own. Each learns the target; the prediction is their mean.

Source: Gorishniy et al. 2024, TabM: Advancing Tabular Deep Learning with
Parameter-Efficient Ensembling (arXiv 2410.24210), section 3.3.
"""

from typing import Any

from pydantic import Field

from numerai_pipeline.core import Positive
from numerai_pipeline.models.networks.dense import Activation
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import (
    HEAD,
    KerasParameters,
    Share,
    network_input,
)


class TabmParameters(KerasParameters):
    """``[parameters]`` of ``tabm``."""

    members: Positive = Field(
        default=16,
        description="number of networks that share the kernels; the paper has 32, but "
        "with all features each takes as long as an mlp",
    )
    units: tuple[Positive, ...] = Field(
        default=(128, 64),
        min_length=1,
        description="width of each hidden layer; as mlp's",
    )
    activation: Activation = Field(default="relu", description="the paper's")
    dropout: Share = Field(
        default=0.3,
        description="share of each layer dropped in a step, different for each member; "
        "less than mlp's, since the mean over the members reduces overfitting too",
    )


def build(parameters: TabmParameters, n_features: int) -> Any:
    """Build it: ``(batch, n_features)`` codes to ``(batch, targets, members)``."""
    from numerai_pipeline.models.networks.members import MemberDense

    keras = load_keras()
    layers = keras.layers
    inputs, x = network_input(parameters, n_features, flat=True)
    for index, units in enumerate(parameters.units, start=1):
        x = MemberDense(
            units,
            parameters.members,
            # Equal members would learn the same; one layer makes them differ.
            first_scales="signs" if index == 1 else "ones",
            name=f"dense_{index}",
        )(x)
        x = layers.Activation(parameters.activation, name=f"activate_{index}")(x)
        x = layers.Dropout(parameters.dropout, name=f"drop_{index}")(x)
    head = layers.EinsumDense(
        "bmu,mut->btm",
        output_shape=(parameters.n_targets, parameters.members),
        bias_axes="tm",
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.5),
        dtype="float32",
        name=HEAD,
    )
    return keras.Model(inputs, head(x), name="tabm")


FAMILY = KerasFamily(
    name="tabm",
    summary="ensemble of MLPs in one network (Keras), after TabM, arXiv 2410.24210",
    Parameters=TabmParameters,
    build=build,
    learns="members",
)
