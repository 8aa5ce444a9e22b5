"""Tables of numbers, with intervals and bars drawn into their cells."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.scales import Floats, Scale
from numerai_pipeline.reports.words import number, verdict

# A narrow page has room for this many columns of a matrix.
_MOST_SIDE_BY_SIDE = 4
# Steps of the colours of a heat map, on each side of zero.
_HEAT_STEPS = 5


def table(
    headings: Sequence[str],
    rows: Iterable[Html | Sequence[str | None]],
    *,
    n_texts: int = 1,
    class_: str = "",
) -> Html:
    """Return a table; on a narrow page each row becomes a paragraph.

    Args:
        headings: one per column.
        rows: cells, which may be markup; a cell can be a whole ``td``, and a row a
            whole ``tr``.
        n_texts: columns from the left that hold texts; the others are numbers.
        class_: further classes.
    """
    head = (
        tag("th", heading, scope="col", class_="text" if place < n_texts else None)
        for place, heading in enumerate(headings)
    )
    body = (
        row if isinstance(row, Html) else tag("tr", *_cells(headings, row, n_texts))
        for row in rows
    )
    return tag(
        "table",
        tag("thead", tag("tr", *head)),
        tag("tbody", *body),
        class_=f"numbers {class_}".strip(),
    )


def _cells(
    headings: Sequence[str], row: Sequence[str | None], n_texts: int
) -> list[Html]:
    cells = []
    for place, (heading, cell) in enumerate(zip(headings, row, strict=True)):
        if isinstance(cell, Html) and cell.startswith("<td"):
            cells.append(cell)
            continue
        name = "th" if place == 0 else "td"
        kind = "text" if place < n_texts else None
        scope = "row" if place == 0 else None
        cells.append(tag(name, cell, class_=kind, scope=scope, data_of=heading or None))
    return cells


def named(name: str, look: str) -> Html:
    """Return a name with its colour."""
    return tag("span", tag("i", class_=f"swatch line {look}"), name, class_="who")


def heat_cell(
    value: float, largest: float, *, digits: int = 4, heading: str = ""
) -> Html:
    """Return a cell whose colour goes with its number, from below to above zero.

    Args:
        value: the number.
        largest: the number with the strongest colour.
        digits: of the number.
        heading: its column.
    """
    step = 0
    if math.isfinite(value) and largest > 0:
        step = round(_HEAT_STEPS * max(-1.0, min(1.0, value / largest)))
    look = f"heat {'up' if step > 0 else 'down'}{abs(step)}" if step else "heat"
    return tag("td", number(value, digits), class_=look, data_of=heading or None)


def largest_of(values: Iterable[float]) -> float:
    """Return the largest absolute value; 0 if none is defined."""
    return max((abs(value) for value in values if math.isfinite(value)), default=0.0)


def whisker(scale: Scale, mean: float, low: float, high: float, look: str = "") -> Html:
    """Return an interval as a line with its mean as a dot, and zero beside it."""
    parts = []
    if scale.low < 0 < scale.high:
        zero = _percent(scale, 0.0)
        parts.append(tag("line", x1=zero, x2=zero, y1=0, y2=14, class_="zero"))
    if math.isfinite(low):
        parts.append(
            tag(
                "line",
                x1=_percent(scale, low),
                x2=_percent(scale, high),
                y1=7,
                y2=7,
                class_="reach",
            )
        )
    if math.isfinite(mean):
        parts.append(tag("circle", cx=_percent(scale, mean), cy=7, r=3.5))
    side = verdict(low, high)
    return tag(
        "svg", *parts, class_=f"whisker {look} {side}", height=14, aria_hidden="true"
    )


def scale_of(ends: Iterable[float]) -> Scale:
    """Return the scale of whiskers that are to be compared; it has zero."""
    return Scale.over(np.array([0.0, *ends]), margin=0.04)


def bar(scale: Scale, value: float, look: str) -> Html:
    """Return a bar from zero to a value."""
    ends = sorted(
        (scale.share(0.0), scale.share(value if math.isfinite(value) else 0.0))
    )
    return tag(
        "svg",
        tag(
            "rect",
            x=f"{ends[0]:.2%}",
            width=f"{ends[1] - ends[0]:.2%}",
            y=2,
            height=10,
            rx=1,
        ),
        tag(
            "line",
            x1=_percent(scale, 0.0),
            x2=_percent(scale, 0.0),
            y1=0,
            y2=14,
            class_="zero",
        ),
        class_=f"bar {look}",
        height=14,
        aria_hidden="true",
    )


def bars(
    title: str, entries: Sequence[tuple[str, float]], look: str, *, digits: int = 4
) -> Html:
    """Return horizontal bars with their names and numbers."""
    scale = Scale.over(np.array([0.0, *(value for _, value in entries)]))
    rows = (
        tag(
            "li",
            tag("span", name, class_="name"),
            bar(scale, value, look),
            tag("span", number(value, digits), class_="value"),
        )
        for name, value in entries
    )
    return tag("div", tag("h4", title), tag("ul", *rows, class_="bars"))


def matrix(names: Sequence[str], values: Floats) -> Html:
    """Return a matrix of correlations, coloured by their size."""
    headings = ["", *(str(place) for place in range(1, len(names) + 1))]
    rows = [
        [
            f"{place}  {name}",
            *(
                heat_cell(float(value), 1.0, digits=3, heading=heading)
                for value, heading in zip(row, headings[1:], strict=True)
            ),
        ]
        for place, (name, row) in enumerate(zip(names, values, strict=True), 1)
    ]
    is_small = len(names) <= _MOST_SIDE_BY_SIDE
    return table(headings, rows, class_="matrix tight" if is_small else "matrix")


def facts(entries: Iterable[tuple[str, str]]) -> Html:
    """Return names and texts side by side."""
    pairs = (join([tag("dt", name), tag("dd", value)]) for name, value in entries)
    return tag("dl", *pairs)


def _percent(scale: Scale, value: float) -> str:
    return f"{scale.share(value):.2%}"
