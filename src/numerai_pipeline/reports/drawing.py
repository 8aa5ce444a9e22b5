"""A plot as SVG that needs no script.

The inside of a plot is stretched to the width of the page; its strokes and texts are
not, so the labels are as large on a telephone as on a desk.
"""

from collections.abc import Sequence

import numpy as np

from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.plots import Plot, Series
from numerai_pipeline.reports.scales import (
    HEIGHT,
    WIDTH,
    Floats,
    labels_of,
    line_path,
    pieces_of,
    step_of,
)

# Labels that stand nearer to an end of the axis than this share are aligned with it.
_EDGE = 0.03
_TICKS = 8
# Bars take this share of the distance between them.
_BAR_SHARE = 0.8


def draw(plot: Plot) -> Html:
    """Return a plot as a figure: title, legend and static SVG."""
    inner = tag(
        "svg",
        *_spans(plot),
        *_grid(plot),
        *(_series(each, plot) for each in plot.series),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        width="100%",
        height="100%",
    )
    picture = tag(
        "svg",
        inner,
        *_labels_up(plot),
        *_labels_across(plot),
        class_="plot",
        height=plot.height,
        role="img",
        aria_label=plot.title,
    )
    return join([tag("figcaption", plot.title), legend(plot.series), picture])


def legend(series: Sequence[Series]) -> Html | None:
    """Return the names of the series with their colours; none for a single one."""
    named = [each for each in series if each.label]
    if len(named) < 2:
        return None
    rows = (
        tag("li", tag("i", class_=f"swatch {each.kind} {each.look}"), each.label)
        for each in named
    )
    return tag("ul", *rows, class_="legend")


def _series(series: Series, plot: Plot) -> Html:
    draws = {"bars": _bars, "area": _area, "dots": _dots, "band": _band, "line": _line}
    path = draws[series.kind](series, plot)
    return tag("path", d=path, class_=f"{series.kind} {series.look}")


def _line(series: Series, plot: Plot) -> str:
    return "".join(
        line_path(plot.across.places(x, WIDTH), HEIGHT - plot.up.places(y, HEIGHT))
        for x, y in pieces_of(series.x, series.y)
    )


def _dots(series: Series, plot: Plot) -> str:
    """Lines of no length: their round ends are the dots, whatever the stretch."""
    is_known = np.isfinite(series.x) & np.isfinite(series.y)
    x = plot.across.places(series.x[is_known], WIDTH)
    y = HEIGHT - plot.up.places(series.y[is_known], HEIGHT)
    return "".join(f"M{a} {b}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _area(series: Series, plot: Plot) -> str:
    return _between(series.x, np.where(np.isnan(series.y), np.nan, 0.0), series.y, plot)


def _band(series: Series, plot: Plot) -> str:
    return _between(series.x, series.y, series.high, plot)


def _between(x: Floats, low: Floats, high: Floats | None, plot: Plot) -> str:
    """Along the upper ends and back along the lower ones."""
    pieces = []
    for places, below, above in pieces_of(x, low, low if high is None else high):
        across = plot.across.places(places, WIDTH)
        back = HEIGHT - plot.up.places(below, HEIGHT)[::-1]
        there = line_path(across, HEIGHT - plot.up.places(above, HEIGHT))
        pieces.append(f"{there}L{line_path(across[::-1], back)[1:]}z")
    return "".join(pieces)


def _bars(series: Series, plot: Plot) -> str:
    """One outline that goes along zero and up or down at each bar."""
    is_known = np.isfinite(series.y)
    width = step_of(series.x) * (1.0 if plot.is_dense else _BAR_SHARE)
    x, y = series.x[is_known], series.y[is_known]
    left = plot.across.places(x - width / 2, WIDTH)
    right = np.maximum(plot.across.places(x + width / 2, WIDTH), left + 1)
    tops = (HEIGHT - plot.up.places(y, HEIGHT)).tolist()
    zero = HEIGHT - round(plot.up.share(0.0) * HEIGHT)
    bars = zip(left.tolist(), right.tolist(), tops, strict=True)
    return f"M0 {zero}" + "".join(f"H{a}V{top}H{b}V{zero}" for a, b, top in bars) + "z"


def _spans(plot: Plot) -> list[Html]:
    found = []
    for span in plot.spans:
        left, right = (
            round(plot.across.share(end) * WIDTH) for end in (span.low, span.high)
        )
        found.append(
            tag(
                "rect", x=left, y=0, width=right - left, height=HEIGHT, class_=span.kind
            )
        )
    return found


def _grid(plot: Plot) -> list[Html]:
    lines = [HEIGHT - round(plot.up.share(tick) * HEIGHT) for tick in _ticks_up(plot)]
    found = [tag("path", d="".join(f"M0 {y}h{WIDTH}" for y in lines), class_="grid")]
    if plot.up.low < 0 <= plot.up.high:
        zero = HEIGHT - round(plot.up.share(0.0) * HEIGHT)
        found.append(tag("path", d=f"M0 {zero}h{WIDTH}", class_="zero"))
    return found


def _ticks_up(plot: Plot) -> list[float]:
    return plot.up.ticks(max(2, plot.height // 50))


def _labels_up(plot: Plot) -> list[Html]:
    ticks = _ticks_up(plot)
    return [
        tag(
            "text",
            label,
            x=-8,
            y=round((1 - plot.up.share(tick)) * plot.height + 4),
            class_="up",
        )
        for tick, label in zip(ticks, labels_of(ticks), strict=True)
    ]


def _labels_across(plot: Plot) -> list[Html]:
    below = plot.height + 17
    found = []
    for index, (place, label) in enumerate(_marks(plot)):
        share = plot.across.share(place)
        kind = "start" if share < _EDGE else "end" if share > 1 - _EDGE else "middle"
        # A narrow page has no room for every label.
        rarely = "" if index % 2 == 0 else " wide"
        found.append(
            tag(
                "text",
                label,
                x=f"{share:.2%}",
                y=below,
                class_=f"across {kind}{rarely}",
            )
        )
    title = tag("text", plot.x_label, x="100%", y=below + 15, class_="across end name")
    spans = (
        tag(
            "text",
            span.label,
            x=f"{plot.across.share((span.low + span.high) / 2):.2%}",
            y=12,
            class_="across middle name",
        )
        for span in plot.spans
        if span.label
    )
    return [*found, title, *spans]


def _marks(plot: Plot) -> list[tuple[float, str]]:
    ticks = plot.across.ticks(_TICKS)
    if plot.is_counted:
        # Eras are written without separators.
        whole = [tick for tick in ticks if tick.is_integer()]
        return [(tick, f"{tick:.0f}") for tick in whole]
    return list(zip(ticks, labels_of(ticks), strict=True))
