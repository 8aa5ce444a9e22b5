"""From numbers to places on a chart: round ticks, and paths of few bytes."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

# The inside of a chart in units of its paths. It is stretched to the width of the
# page, so a unit is less than half a pixel: whole numbers are exact enough.
WIDTH, HEIGHT = 2_400, 800


@dataclass(frozen=True)
class Scale:
    """A range of numbers along one side of a chart.

    Attributes:
        low: the number at its beginning.
        high: the number at its end.
    """

    low: float
    high: float

    @classmethod
    def over(cls, *values: Floats, margin: float = 0.0) -> "Scale":
        """Return the range of the values, and a share of it as margin on both sides.

        >>> Scale.over(np.array([0.0, np.nan, 2.0]), margin=0.5)
        Scale(low=-1.0, high=3.0)
        """
        known = np.concatenate([np.ravel(each) for each in values])
        known = known[np.isfinite(known)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0, 1)
        extra = (high - low) * margin or (0.0 if high > low else 0.5 * abs(low) or 0.5)
        return cls(low - extra, high + extra)

    def share(self, value: float) -> float:
        """Return where a number is, 0 at the beginning and 1 at the end."""
        return (value - self.low) / (self.high - self.low)

    def places(self, values: Floats, length: int) -> npt.NDArray[np.int64]:
        """Return where numbers are, in whole units of a length; finite ones only."""
        shares = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return np.rint(shares * length).astype(np.int64)

    def ticks(self, count: int) -> list[float]:
        """Return round numbers within the range, about as many as asked for.

        >>> Scale(0, 0.9).ticks(5)
        [0.0, 0.2, 0.4, 0.6, 0.8]
        """
        rough = (self.high - self.low) / max(count, 1)
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(f * unit for f in (1, 2, 2.5, 5, 10) if f * unit >= rough * 0.999)
        first, last = math.ceil(self.low / step), math.floor(self.high / step + 1e-9)
        return [round(place * step, 12) for place in range(first, last + 1)]


def labels_of(ticks: Iterable[float]) -> list[str]:
    """Return ticks as texts with equally many digits.

    >>> labels_of([0.0, 0.025, 0.05])
    ['0', '0.025', '0.050']
    """
    values = list(ticks)
    digits = max((_digits(value) for value in values), default=0)
    texts = ("0" if value == 0 else f"{value:,.{digits}f}" for value in values)
    return [text.replace("-", "−") for text in texts]


def _digits(value: float) -> int:
    _, _, fraction = f"{value:.6f}".rstrip("0").partition(".")
    return len(fraction)


def line_path(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> str:
    """Return a line through points as the ``d`` of a path, relative and compact.

    >>> line_path(np.array([0, 10, 20]), np.array([5, 3, 3]))
    'M0 5l10-2 10 0'
    """
    steps = np.column_stack([np.diff(x), np.diff(y)]).ravel().tolist()
    start = f"M{x[0]} {y[0]}"
    return f"{start}l{_numbers(steps)}" if steps else f"{start}h1"


def _numbers(values: Iterable[int]) -> str:
    """Return numbers with as little as possible between them: a minus separates."""
    joined = "".join(f" {value}" if value >= 0 else str(value) for value in values)
    return joined.lstrip(" ")


def pieces_of(x: Floats, *values: Floats) -> Iterator[tuple[Floats, ...]]:
    """Give the runs of points between missing values.

    Args:
        x: ``(n,)``.
        *values: ``(n,)`` each; a point is missing where one of them is NaN.
    """
    known = np.flatnonzero(np.isfinite(values).all(axis=0))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if len(run):
            yield (x[run], *(each[run] for each in values))


def broken_at_gaps(x: Floats, y: Floats, *, longest: float) -> tuple[Floats, Floats]:
    """Return points with a missing value in each gap of the axis.

    Args:
        x: ``(n,)`` ascending.
        y: ``(n,)``.
        longest: a larger distance between two points is a gap.
    """
    at = np.flatnonzero(np.diff(x) > longest) + 1
    return np.insert(x.astype(float), at, x[at] - 1), np.insert(y, at, np.nan)


def step_of(x: Floats) -> float:
    """Return the distance of neighbouring points; 1 of a single one."""
    return float(np.min(np.diff(x))) if len(x) > 1 else 1.0
