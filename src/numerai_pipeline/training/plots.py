"""The plot of a training: losses and scores by epoch, the best one marked."""

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.core import atomic_path, counted
from numerai_pipeline.training.history import COLUMNS, Chart

# Of the curves, from above.
_COLORS = ("#8c8c8c", "#1f5fa8", "#b3541e", "#6a4c93")
_BEST_COLOR = "#2e7d32"
_NOTE_COLOR = "#707070"

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

    figure = Figure(layout="constrained")
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
    from matplotlib.ticker import MaxNLocator

    panels = _panels(chart)
    if not figure.axes:
        figure.set_size_inches(8, 2.3 + 1.3 * len(panels))
    figure.clear()
    axes = figure.subplots(
        len(panels),
        1,
        sharex=True,
        squeeze=False,
        height_ratios=[1.5, *[1.0] * (len(panels) - 1)],
    )[:, 0]
    names = [name for curves in panels.values() for name in curves]
    colors = {name: _COLORS[at % len(_COLORS)] for at, name in enumerate(names)}
    for one, (label, curves) in zip(axes, panels.items(), strict=True):
        _draw_panel(one, chart, {name: colors[name] for name in curves})
        one.set_ylabel(label)
    axes[-1].set_xlabel(chart.unit)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[-1].set_xlim(*_ends([row.epoch for row in chart.rows]))
    figure.suptitle(_title(chart), fontsize=11)
    figure.text(
        0.995,
        0.005,
        _footer(chart),
        fontsize=8,
        color=_NOTE_COLOR,
        ha="right",
        va="bottom",
    )
    # Room for the line at the foot.
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))


def _panels(chart: Chart) -> dict[str, list[str]]:
    """Return the columns of each panel, by the label of its axis, from above."""
    common: dict[str, list[str]] = {}
    for name in chart.columns:
        if COLUMNS[name].panel:
            common.setdefault(COLUMNS[name].panel, []).append(name)
    panels: dict[str, list[str]] = {}
    for label, names in common.items():
        low, high = _limits(chart, names)
        ranges = [_limits(chart, [name]) for name in names]
        is_flat = any(b - a < _READABLE_SHARE * (high - low) for a, b in ranges)
        if len(names) > 1 and is_flat and len(chart.rows) > 2:
            panels |= {name: [name] for name in names}
        else:
            panels[label] = names
    return panels


def _draw_panel(axes: Any, chart: Chart, colors: dict[str, str]) -> None:
    """Draw some columns, each in its color."""
    epochs = [row.epoch for row in chart.rows]
    low, high = _limits(chart, colors)
    for name, color in colors.items():
        values = chart.column(name)
        label = f"{name}: {COLUMNS[name].about}"
        axes.plot(epochs, values, color=color, label=label)
        if len(epochs) <= _MOST_DOTS:
            # A dot is drawn whole or, beyond the edge, not at all.
            inside = [value if low <= value <= high else math.nan for value in values]
            axes.plot(epochs, inside, "o", color=color, markersize=4, clip_on=False)
    best = chart.best
    if best is not None:
        axes.axvline(epochs[best], color=_BEST_COLOR, linestyle="--", linewidth=1)
        if chart.monitor in colors:
            axes.plot(
                epochs[best],
                chart.column(chart.monitor)[best],
                "*",
                color=_BEST_COLOR,
                markersize=13,
                clip_on=False,
                label=f"best at {chart.unit} {epochs[best]}",
            )
    axes.set_ylim(low, high)
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
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="best")


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
        f"{chart.title}\nbest at {chart.unit} {row.epoch} by {chart.monitor}: "
        + ", ".join(shown)
    )


def _footer(chart: Chart) -> str:
    parts = [counted(chart.rows[-1].epoch, f"{chart.unit}s")]
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
    margin = 0.06 * max(high - low, 1e-3 * abs(high), 1e-9)
    return low - margin, high + margin


def _range(columns: Sequence[list[float]]) -> tuple[float, float]:
    values = [value for column in columns for value in column if math.isfinite(value)]
    return min(values, default=0.0), max(values, default=1.0)
