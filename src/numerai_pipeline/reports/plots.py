"""What a chart shows: lines, bars, areas and dots over one axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from numerai_pipeline.reports.scales import Floats, Scale, step_of


@dataclass(frozen=True, eq=False)
class Series:
    """What is drawn in one colour.

    Attributes:
        label: for the legend; empty: not in the legend.
        x: ``(n,)`` ascending, unless it is dots.
        y: ``(n,)``, NaN where there is nothing; of a band its lower end.
        look: a class of the style sheet: ``m1`` to ``m6`` for models, ``reference``,
            ``meta``, ``mean``.
        kind: how it is drawn.
        high: ``(n,)``, the upper end of a band.
    """

    label: str
    x: Floats
    y: Floats
    look: str
    kind: Literal["line", "bars", "area", "dots", "band"] = "line"
    high: Floats | None = None


@dataclass(frozen=True)
class Span:
    """A part of the axis with another background.

    Attributes:
        low: where it begins.
        high: where it ends.
        kind: ``fold`` is shaded, ``plain`` is not, ``purge`` is amber.
        label: a short text at its top.
    """

    low: float
    high: float
    kind: Literal["fold", "plain", "purge"]
    label: str = ""


@dataclass(frozen=True, eq=False)
class Plot:
    """A chart with numbers on both axes.

    Attributes:
        title: what is shown; stands above it.
        x_label: what the horizontal axis counts.
        series: what is drawn, the last one on top.
        spans: parts of the axis with another background.
        height: in pixels.
        has_zero: whether the vertical axis reaches zero.
        digits: of the values that are shown where the pointer is.
        is_dense: whether neighbouring bars touch.
        margin: share of the horizontal range that is left free on both sides.
    """

    title: str
    x_label: str
    series: Sequence[Series]
    spans: Sequence[Span] = ()
    height: int = 220
    has_zero: bool = True
    digits: int = 4
    is_dense: bool = False
    margin: float = 0.0

    @cached_property
    def is_counted(self) -> bool:
        """Whether the horizontal axis counts, so that it has whole numbers only."""
        return all((each.x == np.rint(each.x)).all() for each in self.series)

    @cached_property
    def across(self) -> Scale:
        """The horizontal range, with half a bar on both sides where there are bars."""
        ends = [np.array([span.low, span.high]) for span in self.spans]
        scale = Scale.over(*(each.x for each in self.series), *ends, margin=self.margin)
        half = max(
            (step_of(each.x) / 2 for each in self.series if each.kind == "bars"),
            default=0.0,
        )
        return Scale(scale.low - half, scale.high + half)

    @cached_property
    def up(self) -> Scale:
        """The vertical range."""
        values = [each.y for each in self.series]
        values += [each.high for each in self.series if each.high is not None]
        zero = [np.zeros(1)] if self.has_zero else []
        # Labels of spans stand above everything else.
        margin = 0.12 if any(span.label for span in self.spans) else 0.06
        scale = Scale.over(*values, *zero, margin=margin)
        if (
            self.has_zero
            and scale.low < 0
            and not any((each < 0).any() for each in values)
        ):
            return Scale(0.0, scale.high)
        return scale
