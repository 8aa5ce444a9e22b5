"""Steps on a row of features that return a row."""

from dataclasses import dataclass
from typing import Any, ClassVar

from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.transform.step import (
    NUMBER,
    NUMBER_OR_UNUSED,
    PLACE,
    SIZE,
    Shape,
    Step,
)

# The middle one of the codes 0..4, which is 0 after centering.
MIDDLE = 2.0

# The highest code, which is 1 after centering.
_HIGHEST = 4.0


@dataclass(frozen=True)
class FillMissing(Step):
    """``NaN,f,t``: a missing feature becomes ``f``.

    ``t`` is the value of a missing target. It is accepted and not used: rows without a
    target are not trained on.
    """

    NAME: ClassVar = "NaN"
    ARGUMENTS: ClassVar = {"f": NUMBER, "t": NUMBER_OR_UNUSED}

    value: float
    target: float | None = None

    def apply(self, x: Any) -> Any:
        """Fill NaN."""
        ops = load_keras().ops
        return ops.where(ops.isnan(x), self.value, x)


@dataclass(frozen=True)
class Mask(Step):
    """``Mask``: a missing feature becomes 2, with one flag per feature.

    ``(batch, F)`` becomes ``(batch, 2 F)``. A flag is 4 for a missing feature and 2
    otherwise: 1 and 0 after centering.
    """

    NAME: ClassVar = "Mask"

    def shape(self, shape: Shape) -> Shape:
        """Return twice as many features."""
        return (2 * self.features(shape),)

    def apply(self, x: Any) -> Any:
        """Fill NaN, and append the flags."""
        ops = load_keras().ops
        is_missing = ops.isnan(x)
        filled = ops.where(is_missing, MIDDLE, x)
        return ops.concatenate([filled, ops.where(is_missing, _HIGHEST, MIDDLE)], 1)


@dataclass(frozen=True)
class Slice(Step):
    """``Slice,from,to``: the features from ``from`` up to, not including, ``to``."""

    NAME: ClassVar = "Slice"
    ARGUMENTS: ClassVar = {"from": PLACE, "to": SIZE}

    start: int
    stop: int

    def shape(self, shape: Shape) -> Shape:
        """Return how many are left."""
        found = self.features(shape)
        if not self.start < self.stop <= found:
            raise self.refuse(
                f"finds {found:,} features, so from < to <= {found:,} is expected."
            )
        return (self.stop - self.start,)

    def apply(self, x: Any) -> Any:
        """Cut."""
        return x[:, self.start : self.stop]


@dataclass(frozen=True)
class Even(Step):
    """``Even,from,n``: ``n`` features, every second one, starting at ``from``."""

    NAME: ClassVar = "Even"
    ARGUMENTS: ClassVar = {"from": PLACE, "n": SIZE}

    start: int
    count: int

    def shape(self, shape: Shape) -> Shape:
        """Return ``n``."""
        found, last = self.features(shape), self.start + 2 * (self.count - 1)
        if last >= found:
            raise self.refuse(
                f"takes features up to number {last:,} (counted from 0), but finds "
                f"{found:,} features."
            )
        return (self.count,)

    def apply(self, x: Any) -> Any:
        """Take every second one."""
        return x[:, self.start : self.start + 2 * self.count - 1 : 2]


@dataclass(frozen=True)
class Pad(Step):
    """``Pad,from,to,v``: append ``to - from`` features of the value ``v``."""

    NAME: ClassVar = "Pad"
    ARGUMENTS: ClassVar = {"from": SIZE, "to": SIZE, "v": NUMBER}

    before: int
    after: int
    value: float

    def shape(self, shape: Shape) -> Shape:
        """Return ``to``."""
        found = self.features(shape)
        if found != self.before:
            raise self.refuse(
                f"expects {self.before:,} features, but finds {found:,}. "
                f"Write Pad,{found},{max(self.after, found)},{self.value:g}."
            )
        if self.after < self.before:
            raise self.refuse("expects from <= to: it only appends.")
        return (self.after,)

    def apply(self, x: Any) -> Any:
        """Append."""
        pads = ((0, 0), (0, self.after - self.before))
        return load_keras().ops.pad(x, pads, constant_values=self.value)


@dataclass(frozen=True)
class Sparse(Step):
    """``Sparse,n,_``: the target is one of ``n`` classes.

    It does not change features. A family that learns classes does so by itself, so the
    step is only checked; see ``Transform.check_targets``.
    """

    NAME: ClassVar = "Sparse"
    ARGUMENTS: ClassVar = {"n": SIZE, "_": NUMBER_OR_UNUSED}

    n_classes: int
    unused: float | None = None

    def apply(self, x: Any) -> Any:
        """Return the features as they are."""
        return x
