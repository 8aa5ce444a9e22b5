"""``cnn``: convolutions over a grid of features."""

import math
import re
from typing import Any, Literal

from pydantic import Field

from numerai_pipeline.core import ConfigError, Positive
from numerai_pipeline.models.networks.dense import (
    Activation,
    LayerParameters,
    dense_layers,
)
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import (
    network_input,
    target_head,
)


class CnnParameters(LayerParameters):
    """``[parameters]`` of ``cnn``."""

    grid: str = Field(
        default="",
        pattern=r"^(\d+x\d+)?$",
        description="rows x columns, such as 44x63, padded with the middle bin; "
        "empty: that of the transform, or else as square as possible",
    )
    convolution: Literal["1d", "2d"] = Field(
        default="2d",
        description="1d moves along the rows, each row is its channels; 2d sees a "
        "square of neighbours",
    )
    filters: tuple[Positive, ...] = Field(
        default=(16, 32),
        min_length=1,
        description="channels of each convolution; few, since a feature's neighbours "
        "say little about it",
    )
    kernel: Positive = Field(default=3, description="width of a convolution")
    stride: Positive = Field(
        default=2, description="2 halves the grid with each convolution"
    )
    units: tuple[Positive, ...] = Field(
        default=(64,),
        description="width of each dense layer after the convolutions; only these have "
        "normalization and dropout",
    )
    activation: Activation = Field(
        default="relu", description="gelu takes twice the time in convolutions"
    )


def build(parameters: CnnParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets)``.

    The convolutions have neither normalization nor dropout: at 2,748 features on a CPU
    these took three times as long as everything else.
    """
    keras = load_keras()
    layers = keras.layers
    inputs, x = network_input(parameters, n_features)
    x = _as_grid(x, parameters)
    convolution = layers.Conv1D if parameters.convolution == "1d" else layers.Conv2D
    for index, filters in enumerate(parameters.filters, start=1):
        x = convolution(
            filters,
            parameters.kernel,
            strides=parameters.stride,
            padding="same",
            name=f"convolve_{index}",
        )(x)
        x = layers.Activation(
            parameters.activation, name=f"activate_convolution_{index}"
        )(x)
    x = layers.Flatten(name="flatten")(x)
    x = dense_layers(x, parameters.units, parameters)
    return keras.Model(inputs, target_head(x, parameters), name="cnn")


def _as_grid(x: Any, parameters: CnnParameters) -> Any:
    """Reshape the features to ``(batch, y, x)`` or ``(batch, y, x, channels)``.

    Raises:
        ConfigError: if the grid is too small, or there are two grids.
    """
    keras = load_keras()
    is_flat = len(x.shape) == 2
    if parameters.grid and not is_flat:
        raise ConfigError(
            f"grid is {parameters.grid}, but the transform already makes a grid. "
            "Remove one of them."
        )
    if is_flat:
        rows, columns = _grid(parameters.grid, x.shape[1])
        # The features are centred: 0 is the middle bin.
        x = keras.ops.pad(x, ((0, 0), (0, rows * columns - x.shape[1])))
        x = keras.layers.Reshape((rows, columns), name="grid")(x)
    if parameters.convolution == "1d" and len(x.shape) == 4:
        raise ConfigError(
            "convolution is 1d, which takes a grid of y, x, but the transform makes "
            'one of y, x, z. Set convolution = "2d", or remove the channels.'
        )
    if parameters.convolution == "2d" and len(x.shape) == 3:
        x = keras.layers.Reshape((*x.shape[1:], 1), name="channel")(x)
    return x


def _grid(text: str, n_features: int) -> tuple[int, int]:
    """Return rows and columns of a grid that holds all features.

    >>> _grid("44x63", 2748), _grid("", 2748)
    ((44, 63), (53, 52))

    Raises:
        ConfigError: if the grid is too small.
    """
    if not text:
        columns = math.isqrt(n_features)
        return math.ceil(n_features / columns), columns
    rows, columns = map(int, re.findall(r"\d+", text))
    if rows * columns < n_features:
        fitting = math.ceil(n_features / max(rows, 1))
        raise ConfigError(
            f"grid {text} has {rows * columns:,} places, but there are {n_features:,} "
            f"features. Set grid to {max(rows, 1)}x{fitting}, or use fewer features."
        )
    return rows, columns


FAMILY = KerasFamily(
    name="cnn",
    summary="convolutions (Keras), 1d or 2d, over a grid of features",
    Parameters=CnnParameters,
    build=build,
    presets={
        # Three for the 2,376 features of earlier data, and one for the 2,748 of v5.3.
        "22x108": {"grid": "22x108", "convolution": "1d"},
        "44x54": {"grid": "44x54"},
        "88x27": {"grid": "88x27"},
        "44x63": {"grid": "44x63"},
    },
)
