"""A transform as text, and as a pipeline of steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from numerai_pipeline.core import ConfigError, did_you_mean
from numerai_pipeline.models.networks.transform.grids import (
    ChannelByChannel,
    ColumnByColumn,
    Pieces,
    PlaceByPlace,
    RowByRow,
    SixChannels,
)
from numerai_pipeline.models.networks.transform.rows import (
    Even,
    FillMissing,
    Mask,
    Pad,
    Slice,
    Sparse,
)
from numerai_pipeline.models.networks.transform.step import Shape, Step

_STEPS: Mapping[str, type[Step]] = {
    step.NAME: step
    for step in (
        FillMissing,
        Mask,
        Slice,
        Even,
        Pad,
        RowByRow,
        ColumnByColumn,
        PlaceByPlace,
        ChannelByChannel,
        Pieces,
        SixChannels,
        Sparse,
    )
}

_N_CLASSES = 5


@dataclass(frozen=True)
class Transform:
    """What is done to the features before the network sees them.

    It consists of Keras's own operations, so it is part of the saved model, which Keras
    alone can load.

    Attributes:
        steps: in the order in which they are applied.
    """

    steps: tuple[Step, ...] = ()

    @property
    def takes_missing(self) -> bool:
        """Whether missing features may come as NaN: the first step fills them."""
        return bool(self.steps) and isinstance(self.steps[0], FillMissing | Mask)

    def shape(self, n_features: int) -> Shape:
        """Return the shape of a row of ``n_features`` after the steps.

        Raises:
            ConfigError: if a step does not fit the output of the steps before it.

        >>> parse_transform("Pad,2376,2420,0|YX,44,55").shape(2376)
        (44, 55)
        """
        return reduce(lambda shape, step: step.shape(shape), self.steps, (n_features,))

    def apply(self, x: Any) -> Any:
        """Transform a batch, in a Keras graph or eagerly.

        Args:
            x: ``(batch, n_features)``.

        Returns:
            ``(batch, *self.shape(n_features))``.

        Raises:
            ConfigError: as ``shape``.
        """
        self.shape(x.shape[1])
        return reduce(lambda found, step: step.apply(found), self.steps, x)

    def check_missing(self, missing: float) -> None:
        """Check that it fits a recipe's ``missing``.

        Raises:
            ConfigError: if nothing fills missing features, or both do differently.
        """
        first = self.steps[0] if self.steps else None
        if not math.isfinite(missing):
            if not (math.isnan(missing) and self.takes_missing):
                raise ConfigError(
                    f"'missing' is {missing}, which no network can use. Write "
                    "a number, such as missing = 2.0, or begin the transform with a "
                    "step that fills missing features: NaN,2.0,_ or Mask."
                )
        elif isinstance(first, Mask) or (
            isinstance(first, FillMissing) and first.value != missing
        ):
            raise ConfigError(
                f"'missing' is {missing}, so the transform's first step, "
                f"{first.signature()}, never finds missing features. "
                "Write missing = nan, or remove the step."
            )

    def check_targets(self, *, learns_classes: bool, family: str) -> None:
        """Check its steps about the target.

        Raises:
            ConfigError: if it has classes that the family does not learn.
        """
        for step in self.steps:
            if isinstance(step, Sparse) and not learns_classes:
                raise ConfigError(
                    f"transform step 'Sparse,{step.n_classes},_' makes classes of the "
                    f"target, but '{family}' learns its value. Remove the step, or "
                    "choose a family that learns classes, such as classifier."
                )
            if isinstance(step, Sparse) and step.n_classes != _N_CLASSES:
                raise ConfigError(
                    f"transform step 'Sparse,{step.n_classes},_' expects "
                    f"{step.n_classes} classes, but targets have {_N_CLASSES}. "
                    f"Write Sparse,{_N_CLASSES},_."
                )


def parse_transform(text: str) -> Transform:
    """Read a transform: steps with ``|`` between them, arguments with ``,``.

    Args:
        text: such as ``NaN,2.0,_|Pad,2376,2420,0|YX,44,55``; empty: no steps.

    Raises:
        ConfigError: if a step is unknown, its arguments are wrong, or a step that fills
            missing features is not the first.
    """
    if not text.strip():
        return Transform()
    steps = tuple(_parse_step(step.strip()) for step in text.split("|"))
    for step in steps[1:]:
        if isinstance(step, FillMissing | Mask):
            raise ConfigError(
                f"transform '{text}': {step.NAME} fills missing features, so it must "
                "be the first step."
            )
    return Transform(steps)


def _parse_step(text: str) -> Step:
    name, *words = (word.strip() for word in text.split(","))
    if name not in _STEPS:
        signatures = [step.signature() for step in _STEPS.values()]
        hint = did_you_mean(name, _STEPS, listing="There are", listed=signatures)
        raise ConfigError(f"transform step '{text}': there is no step '{name}'. {hint}")
    return _STEPS[name].parse(words, text)
