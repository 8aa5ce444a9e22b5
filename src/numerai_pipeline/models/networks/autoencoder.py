"""``autoencoder``: a bottleneck that reconstructs features and predicts the target."""

from typing import Any

from pydantic import Field

from numerai_pipeline.core import Positive
from numerai_pipeline.models.networks.dense import DenseParameters, dense_layers
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import (
    Share,
    centre,
    code_input,
    target_head,
    with_noise,
)


class BottleneckParameters(DenseParameters):
    """The ``[parameters]`` that both autoencoders share."""

    units: tuple[Positive, ...] = Field(
        default=(128,),
        description="width of each layer of the encoder; the decoder has the same in "
        "reverse order",
    )
    bottleneck: Positive = Field(
        default=64,
        description="width of the bottleneck; thousands of features follow a few "
        "dozen common factors",
    )
    head_units: tuple[Positive, ...] = Field(
        default=(32,),
        description="width of each layer between the bottleneck and the target",
    )
    dropout: Share = Field(
        default=0.2,
        description="share of each layer dropped in a step; less than mlp's, since the "
        "reconstruction reduces overfitting too",
    )


class AutoencoderParameters(BottleneckParameters):
    """``[parameters]`` of ``autoencoder``."""

    reconstruction_weight: float = Field(
        default=0.1,
        ge=0.0,
        description="weight of the features' loss; 0.1 makes it as large at the "
        "start as the target's loss, since it is 0.5 then",
    )


def build(parameters: AutoencoderParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets)``."""
    from numerai_pipeline.models.networks.reconstruction import ReconstructionLoss

    keras = load_keras()
    inputs, codes = code_input(parameters, n_features, flat=True)
    # The clean features are reconstructed, even if noise hides them from the encoder.
    clean = centre(codes)
    middle, decoded = encode_and_decode(with_noise(clean, parameters), parameters)
    reconstruct = keras.layers.Dense(
        clean.shape[1], kernel_initializer="zeros", name="reconstruction"
    )
    head = target_from(middle, parameters)
    loss = ReconstructionLoss(parameters.reconstruction_weight, "mse", name="loss")
    outputs = loss([clean, reconstruct(decoded), head])
    return keras.Model(inputs, outputs, name="autoencoder")


def encode_and_decode(x: Any, parameters: BottleneckParameters) -> tuple[Any, Any]:
    """Return the bottleneck and the decoder's output before its last layer.

    Args:
        x: ``(batch, F)``, centred.
        parameters: widths of the layers.
    """
    layers = load_keras().layers
    x = dense_layers(x, parameters.units, parameters, prefix="encode_")
    middle = layers.Dense(parameters.bottleneck, name="bottleneck")(x)
    backwards = parameters.units[::-1]
    return middle, dense_layers(middle, backwards, parameters, prefix="decode_")


def target_from(middle: Any, parameters: BottleneckParameters) -> Any:
    """Return the raw head: the target, predicted from the bottleneck."""
    x = dense_layers(middle, parameters.head_units, parameters, prefix="head_")
    return target_head(x, parameters)


FAMILY = KerasFamily(
    name="autoencoder",
    summary="bottleneck (Keras): reconstructs the features, predicts the target",
    Parameters=AutoencoderParameters,
    build=build,
)
