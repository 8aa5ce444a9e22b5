"""``autoencoder``: a bottleneck from which features and target are told."""

from typing import Any

from pydantic import Field

from numerai_pipeline.core import Positive
from numerai_pipeline.models.networks.dense import DenseParameters, dense_layers
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.parts import (
    Share,
    centre,
    code_input,
    target_head,
    with_noise,
)
from numerai_pipeline.models.networks.quiet_keras import load_keras


class BottleneckParameters(DenseParameters):
    """What both autoencoders have in ``[parameters]``."""

    units: tuple[Positive, ...] = Field(
        default=(128,),
        description="width of each layer of the encoder; the decoder has the same, "
        "backwards",
    )
    bottleneck: Positive = Field(
        default=64,
        description="width of the middle; thousands of features move along some "
        "dozens of common factors",
    )
    head_units: tuple[Positive, ...] = Field(
        default=(32,),
        description="width of each layer between the bottleneck and the target",
    )
    dropout: Share = Field(
        default=0.2,
        description="share of each layer hidden in a step; less than mlp's, since the "
        "reconstruction holds the noise down too",
    )


class AutoencoderParameters(BottleneckParameters):
    """``[parameters]`` of ``autoencoder``."""

    reconstruction_weight: float = Field(
        default=0.1,
        ge=0.0,
        description="of the features' loss beside the target's: 0.1 of 0.5 at the "
        "start, as much as the target's loss is",
    )


def build(parameters: AutoencoderParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets)``."""
    from numerai_pipeline.models.networks.reconstruction import ReconstructionLoss

    keras = load_keras()
    inputs, codes = code_input(parameters, n_features, flat=True)
    # The clean features are told, also where noise hides them from the encoder.
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
    """Return the bottleneck and what the decoder makes of it, without its last layer.

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
    """Return the raw head: the target, told from the bottleneck."""
    x = dense_layers(middle, parameters.head_units, parameters, prefix="head_")
    return target_head(x, parameters)


FAMILY = KerasFamily(
    name="autoencoder",
    summary="bottleneck (Keras) that tells the features again, and the target",
    Parameters=AutoencoderParameters,
    build=build,
)
