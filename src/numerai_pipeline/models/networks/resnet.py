"""``resnet``: residual blocks of dense layers for tabular data.

Source: Gorishniy et al. 2021, Revisiting Deep Learning Models for Tabular Data
(arXiv 2106.11959), section 3.2.
"""

from typing import Any, Literal

from pydantic import Field

from numerai_pipeline.core import Positive, PositiveFloat
from numerai_pipeline.models.networks.dense import (
    Activation,
    normalized,
)
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import (
    KerasParameters,
    Share,
    network_input,
    target_head,
)


class ResnetParameters(KerasParameters):
    """``[parameters]`` of ``resnet``."""

    width: Positive = Field(
        default=64,
        description="width of the stream that the blocks add to; with 128 the loss "
        "rose after two epochs on the simulated market",
    )
    blocks: Positive = Field(
        default=2, description="the paper tunes 1 to 8; a weak signal needs few"
    )
    hidden_factor: PositiveFloat = Field(
        default=2.0, description="width inside a block, as a multiple of the stream's"
    )
    normalization: Literal["batch", "layer"] = Field(
        default="batch", description="before each block; the paper's"
    )
    activation: Activation = Field(default="relu", description="the paper's")
    hidden_dropout: Share = Field(
        default=0.5,
        description="in a block and before the head; high, since the signal is weak",
    )
    residual_dropout: Share = Field(
        default=0.5,
        description="of a block's output; the paper tunes 0 to 0.5, and the signal is "
        "weak",
    )


def build(parameters: ResnetParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets)``."""
    keras = load_keras()
    inputs, x = network_input(parameters, n_features, flat=True)
    x = keras.layers.Dense(parameters.width, name="stem")(x)
    for index in range(1, parameters.blocks + 1):
        x = _block(x, parameters, index)
    x = normalized(x, parameters.normalization, name="normalize")
    x = keras.layers.Activation(parameters.activation, name="activate")(x)
    x = keras.layers.Dropout(parameters.hidden_dropout, name="drop")(x)
    return keras.Model(inputs, target_head(x, parameters), name="resnet")


def _block(x: Any, parameters: ResnetParameters, index: int) -> Any:
    """Normalize, widen, activate, narrow, and add to the input."""
    layers = load_keras().layers
    hidden = max(1, round(parameters.width * parameters.hidden_factor))
    added = normalized(x, parameters.normalization, name=f"normalize_{index}")
    added = layers.Dense(hidden, name=f"widen_{index}")(added)
    added = layers.Activation(parameters.activation, name=f"activate_{index}")(added)
    added = layers.Dropout(parameters.hidden_dropout, name=f"drop_{index}")(added)
    added = layers.Dense(parameters.width, name=f"narrow_{index}")(added)
    dropped = layers.Dropout(parameters.residual_dropout, name=f"drop_block_{index}")
    return layers.Add(name=f"add_{index}")([x, dropped(added)])


FAMILY = KerasFamily(
    name="resnet",
    summary="residual blocks of dense layers (Keras), after Gorishniy et al. 2021",
    Parameters=ResnetParameters,
    build=build,
)
