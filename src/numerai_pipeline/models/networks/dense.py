"""The dense layers of ``mlp`` and the families that build on it."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from numerai_pipeline.core import Positive
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import KerasParameters, Share

Activation = Literal["relu", "gelu", "silu", "selu", "tanh"]
Normalization = Literal["batch", "layer", "none"]


class LayerParameters(KerasParameters):
    """The ``[parameters]`` of hidden layers."""

    activation: Activation = Field(default="gelu", description="a smooth relu")
    normalization: Normalization = Field(
        default="batch",
        description="before each activation; stabilizes the first epochs",
    )
    dropout: Share = Field(
        default=0.5,
        description="share of each layer dropped in a step; high, since the signal is "
        "weak and a network overfits fast",
    )


class DenseParameters(LayerParameters):
    """``[parameters]`` of a network of dense layers."""

    units: tuple[Positive, ...] = Field(
        default=(128, 64),
        min_length=1,
        description="width of each hidden layer; wider ones overfit sooner",
    )


def dense_layers(
    x: Any, units: Sequence[int], parameters: LayerParameters, *, prefix: str = ""
) -> Any:
    """Append dense layers, each normalized, activated and dropped out.

    Args:
        x: ``(batch, width)``.
        units: width of each layer.
        parameters: their activation, normalization and dropout.
        prefix: start of the layers' names, if a network has several such stacks.

    Returns:
        ``(batch, units[-1])``.
    """
    layers = load_keras().layers
    for index, width in enumerate(units, start=1):
        x = layers.Dense(width, name=f"{prefix}dense_{index}")(x)
        x = activated(x, parameters, name=f"{prefix}{{}}_{index}")
    return x


def activated(x: Any, parameters: LayerParameters, *, name: str) -> Any:
    """Normalize, activate and drop out.

    Args:
        x: output of a dense or convolutional layer.
        parameters: normalization, activation and dropout.
        name: name of the layers, with ``{}`` in the place of what each does.
    """
    x = normalized(x, parameters.normalization, name=name.format("normalize"))
    layers = load_keras().layers
    x = layers.Activation(parameters.activation, name=name.format("activate"))(x)
    return layers.Dropout(parameters.dropout, name=name.format("drop"))(x)


def normalized(x: Any, normalization: Normalization, *, name: str) -> Any:
    """Normalize over the batch or over the row, or not at all."""
    layers = load_keras().layers
    if normalization == "batch":
        return layers.BatchNormalization(name=name)(x)
    if normalization == "layer":
        return layers.LayerNormalization(name=name)(x)
    return x
