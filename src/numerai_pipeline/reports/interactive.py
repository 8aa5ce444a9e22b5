"""The same plots as data for the script: each array once, as float32 in base64."""

import base64
from typing import Any

import numpy as np

from numerai_pipeline.reports.drawing import draw
from numerai_pipeline.reports.markup import Html, tag
from numerai_pipeline.reports.plots import Plot
from numerai_pipeline.reports.scales import Floats


class Pool:
    """Arrays of a page, each stored once."""

    def __init__(self) -> None:
        self.arrays: list[str] = []
        self._places: dict[str, int] = {}

    def add(self, values: Floats) -> int:
        """Store an array as little-endian float32 and return its number."""
        coded = base64.b64encode(np.asarray(values, "<f4").tobytes()).decode("ascii")
        if coded not in self._places:
            self._places[coded] = len(self.arrays)
            self.arrays.append(coded)
        return self._places[coded]


class Canvas:
    """Draws the plots of a page and keeps them for the script."""

    def __init__(self) -> None:
        self._pool = Pool()
        self._plots: list[dict[str, Any]] = []

    def plot(self, plot: Plot) -> Html:
        """Return a plot as static SVG, which the script can replace."""
        self._plots.append(describe(plot, self._pool))
        return tag("figure", draw(plot), class_="chart", data_plot=len(self._plots) - 1)

    @staticmethod
    def still(plot: Plot) -> Html:
        """Return a plot that the script leaves as it is, such as one of dots."""
        return tag("figure", draw(plot), class_="chart")

    @property
    def data(self) -> dict[str, Any]:
        """All plots, and the arrays to which they refer by number."""
        return {"arrays": self._pool.arrays, "plots": self._plots}


def describe(plot: Plot, pool: Pool) -> dict[str, Any]:
    """Return what the script needs to draw a plot.

    The series share one axis: where one has no value stands NaN.
    """
    axis = np.unique(np.concatenate([each.x for each in plot.series]))
    series: list[dict[str, Any]] = []
    for each in plot.series:
        entry: dict[str, Any] = {
            "label": each.label,
            "look": each.look,
            "kind": each.kind,
        }
        entry["y"] = pool.add(_onto(axis, each.x, each.y))
        if each.high is not None:
            entry["high"] = pool.add(_onto(axis, each.x, each.high))
        series.append(entry)
    return {
        "x": pool.add(axis),
        "name": plot.x_label,
        "range": [plot.across.low, plot.across.high],
        "up": [plot.up.low, plot.up.high],
        "height": plot.height,
        "digits": plot.digits,
        "dense": plot.is_dense,
        "counted": plot.is_counted,
        "spans": [[s.low, s.high, s.kind, s.label] for s in plot.spans],
        "series": series,
    }


def _onto(axis: Floats, x: Floats, y: Floats) -> Floats:
    found = np.full(len(axis), np.nan)
    found[np.searchsorted(axis, x)] = y
    return found
