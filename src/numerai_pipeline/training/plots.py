"""The plot of a training: losses and scores by epoch, the best one marked."""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.core import atomic_path
from numerai_pipeline.training.history import COLUMNS, Chart

# Of the curves, from above.
_COLORS = ("#8c8c8c", "#1f5fa8", "#b3541e", "#6a4c93")
_BEST_COLOR = "#2e7d32"
_NOTE_COLOR = "#707070"

# Margins around the panels, and what is between two of them, in inches.
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 0.8, 0.25, 0.85, 0.7, 0.36

_TICK_STEPS = (1, 2, 2.5, 5, 10)

# One dot per epoch as long as the dots can be distinguished.
_MOST_DOTS = 50
# A curve that uses less than this of the common axis is flat there: the curves then
# get a panel each.
_READABLE_SHARE = 0.25


def plot_training(chart: Chart, path: Path) -> None:
    """Write the plot of a training as a PNG.

    Args:
        chart: its curves, at least one row.
        path: the file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure()
    draw_training(figure, chart)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def draw_training(figure: Any, chart: Chart) -> None:
    """Draw the curves of a training: losses above, validation scores below.

    Args:
        figure: a matplotlib figure; what it shows is replaced. An empty one gets its
            size; a window keeps the one that the user gave it.
        chart: the curves, at least one row.
    """
    panels = _panels(chart)
    if not figure.axes:
        figure.set_size_inches(8, 1.4 + 1.5 * len(panels))
    figure.clear()
    if panels:  # without validation eras an estimator may have nothing to show
        _draw_panels(figure, chart, panels)
    width, height = figure.get_size_inches()
    left, right, top, bottom = _LEFT / width, 1 - _RIGHT / width, 1 - 0.1 / height, 0.02
    figure.suptitle(_title(chart), x=left, y=top, ha="left", va="top", fontsize=11)
    note = {"fontsize": 8, "color": _NOTE_COLOR}
    figure.text(right, bottom, _footer(chart), ha="right", va="bottom", **note)


def _draw_panels(figure: Any, chart: Chart, panels: list[list[str]]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = _axes(figure, len(panels))
    names = [name for curves in panels for name in curves]
    colors = {name: _COLORS[at % len(_COLORS)] for at, name in enumerate(names)}
    for one, curves in zip(axes, panels, strict=True):
        _draw_panel(one, chart, {name: colors[name] for name in curves})
    axes[-1].set_xlabel(chart.unit)
    axes[-1].xaxis.set_major_locator(
        MaxNLocator(integer=True, min_n_ticks=1, steps=_TICK_STEPS)
    )
    axes[-1].set_xlim(*_ends([row.epoch for row in chart.rows]))
    if chart.unit == "penalty":
        numbers = [row.epoch for row in chart.rows]
        axes[-1].set_xticks(numbers, [row.label for row in chart.rows])


def _axes(figure: Any, n_panels: int) -> Any:
    """Return the axes of the panels, from above.

    Margins in inches take half the time of a layout engine, which measures all texts.
    """
    figure.set_layout_engine(None)
    width, height = figure.get_size_inches()
    height_of_panel = (height - _TOP - _BOTTOM - (n_panels - 1) * _GAP) / n_panels
    where = {
        "left": _LEFT / width,
        "right": 1 - _RIGHT / width,
        "top": 1 - _TOP / height,
        "bottom": _BOTTOM / height,
        "hspace": _GAP / max(height_of_panel, 0.1),
        "height_ratios": [1.5, *[1.0] * (n_panels - 1)],
    }
    return figure.subplots(n_panels, 1, sharex=True, squeeze=False, gridspec_kw=where)[
        :, 0
    ]


def _panels(chart: Chart) -> list[list[str]]:
    """Return the columns of each panel, from above."""
    common: dict[str, list[str]] = {}
    for name in chart.columns:
        if COLUMNS[name].panel:
            common.setdefault(COLUMNS[name].panel, []).append(name)
    panels: list[list[str]] = []
    for names in common.values():
        low, high = _limits(chart, names)
        ranges = [_limits(chart, [name]) for name in names]
        is_flat = any(b - a < _READABLE_SHARE * (high - low) for a, b in ranges)
        if len(names) > 1 and is_flat and len(chart.rows) > 2:
            panels += [[name] for name in names]
        else:
            panels.append(names)
    return panels


def _draw_panel(axes: Any, chart: Chart, colors: dict[str, str]) -> None:
    """Draw some columns, each in its color."""
    from matplotlib.ticker import MaxNLocator

    low, high = _limits(chart, colors)
    for name, color in colors.items():
        _draw_curve(axes, chart, name, color, (low, high))
    _draw_best(axes, chart, colors)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_TICK_STEPS))
    if not any(map(chart.has, colors)):
        axes.set_yticks([])
        axes.text(
            0.5,
            0.55,
            "not defined: all predictions of an era are equal",
            transform=axes.transAxes,
            ha="center",
            color=_NOTE_COLOR,
        )
    if low <= 0.0 <= high:
        axes.axhline(0.0, color="black", linewidth=0.6)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(_heading(colors), loc="left", fontsize=9)
    # Above the panel, where no curve can be.
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(colors),
        frameon=False,
        fontsize=9,
        borderpad=0.2,
        borderaxespad=0.0,
    )


def _heading(names: Collection[str]) -> str:
    """Return what a panel shows, such as ``loss of training and validation``."""
    columns = [COLUMNS[name] for name in names]
    return f"{columns[0].panel} of {' and '.join(column.about for column in columns)}"


def _draw_curve(
    axes: Any, chart: Chart, name: str, color: str, limits: tuple[float, float]
) -> None:
    """Draw a column; above what is shown a triangle stands at the upper edge."""
    low, high = limits
    epochs, values = [row.epoch for row in chart.rows], chart.column(name)
    # Marks are drawn whole, at the edge too.
    inside = [value if low <= value <= high else math.nan for value in values]
    mark = "o" if len(epochs) <= _MOST_DOTS else ""
    whole = {"color": color, "markersize": 4, "clip_on": False}
    axes.plot(epochs, inside, marker=mark, label=name, **whole)
    above = [high if value > high else math.nan for value in values]
    if not all(map(math.isnan, above)):
        axes.plot(epochs, above, "^", **whole)


def _draw_best(axes: Any, chart: Chart, names: Collection[str]) -> None:
    """Mark the best epoch, with a star where the value is that chose it."""
    if chart.best is None:
        return
    epoch = chart.rows[chart.best].epoch
    axes.axvline(epoch, color=_BEST_COLOR, linestyle="--", linewidth=1)
    if chart.monitor in names:
        value = chart.column(chart.monitor)[chart.best]
        axes.plot(epoch, value, "*", color=_BEST_COLOR, markersize=13, clip_on=False)


def _title(chart: Chart) -> str:
    scores = [name for name in chart.columns if COLUMNS[name].better]
    if not scores:
        return f"{chart.title}\ntrained without validation eras"
    if chart.best is None:
        return f"{chart.title}\nno best {chart.unit} yet"
    row = chart.rows[chart.best]
    values = [(name, getattr(row, name)) for name in scores]
    shown = [
        f"{name} {COLUMNS[name].text(value)}"
        for name, value in values
        if math.isfinite(value)
    ]
    return (
        f"{chart.title}\nbest at {chart.unit} {row.label} by {chart.monitor}: "
        + ", ".join(shown)
    )


def _footer(chart: Chart) -> str:
    parts = [chart.length]
    for name in chart.columns:
        column = COLUMNS[name]
        values = [value for value in chart.column(name) if math.isfinite(value)]
        if column.of_window == "sum":
            parts.append(f"{column.text(sum(values))} {column.unit}")
        elif column.of_window == "mean":
            parts.append(f"{column.text(sum(values) / len(values))} {column.unit}")
    return ", ".join(parts)


def _ends(epochs: Sequence[int]) -> tuple[float, float]:
    """Return where the horizontal axis begins and ends, wide enough for one epoch."""
    step = (epochs[-1] - epochs[0]) / (len(epochs) - 1) if len(epochs) > 1 else 1.0
    margin = max(0.02 * (epochs[-1] - epochs[0]), 0.25 * step)
    return epochs[0] - margin, epochs[-1] + margin


def _limits(chart: Chart, names: Collection[str]) -> tuple[float, float]:
    """Return the range of values to show.

    The first epochs of a network can lose many times more than all others; they may
    leave the plot, so that the rest can be read. Of scores zero is shown where it is
    near.
    """
    columns = [chart.column(name) for name in names]
    low, high = _range(columns)
    if not any(COLUMNS[name].better == "higher" for name in names):
        late_low, late_high = _range([column[len(column) // 4 :] for column in columns])
        high = min(high, late_high + 2 * (late_high - late_low))
    elif 0.0 < low <= high - low:
        low = 0.0
    # A star at the lowest value does not touch the axis.
    margin = 0.15 * ((high - low) or abs(high) or 1.0)
    return low - margin, high + margin


def _range(columns: Sequence[list[float]]) -> tuple[float, float]:
    values = [value for column in columns for value in column if math.isfinite(value)]
    return min(values, default=0.0), max(values, default=1.0)
