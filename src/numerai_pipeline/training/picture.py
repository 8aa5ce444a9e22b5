"""The picture of a training: losses and scores by epoch, the best one marked."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from numerai_pipeline.core import Chart, atomic_path
from numerai_pipeline.training.history import Epoch, Monitor, best_row

_LOSS_COLOR = "#8c8c8c"
_VAL_LOSS_COLOR = "#1f5fa8"
_VAL_CORR_COLOR = "#b3541e"
_VAL_ACCURACY_COLOR = "#6a4c93"
_BEST_COLOR = "#2e7d32"

# A dot an epoch as long as dots can be told apart.
_MOST_DOTS = 50
# Held-out losses that use less of the common axis than this get an axis of their own.
_READABLE_SHARE = 0.25


def chart_of(
    rows: Sequence[Epoch], *, title: str, unit: str, monitor: Monitor
) -> Chart:
    """Return a history as a chart."""
    best = best_row(rows, monitor)
    return Chart(
        title=title,
        unit=unit,
        rows=tuple(asdict(row) for row in rows),
        best=None if best is None else [row is best for row in rows].index(True),
        monitor=monitor,
    )


def plot_training(chart: Chart, path: Path) -> None:
    """Write the picture of a training as a PNG.

    Args:
        chart: its curves, at least one row.
        path: the picture to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    draw_training(figure, chart)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def draw_training(figure: Any, chart: Chart) -> None:
    """Draw the curves of a training: losses above, scores of the held-out eras below.

    Args:
        figure: a matplotlib figure; what it shows is replaced. An empty one gets its
            size; a window keeps the one that somebody gave it.
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
    for one, curves in zip(axes, panels, strict=True):
        _draw_panel(one, chart, curves)
    axes[-1].set_xlabel(chart.unit)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[-1].set_xlim(*_ends(chart.column("epoch")))
    figure.suptitle(_title(chart), fontsize=11)
    figure.text(
        0.995,
        0.005,
        _footer(chart),
        fontsize=8,
        color="#707070",
        ha="right",
        va="bottom",
    )
    # Room for the line at the foot.
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))


_Curve = tuple[str, str, str]
_LOSS: _Curve = ("loss", "loss: training rows", _LOSS_COLOR)
_VAL_LOSS: _Curve = ("val_loss", "val_loss: held-out eras", _VAL_LOSS_COLOR)
_VAL_CORR: _Curve = (
    "val_corr",
    "val_corr: mean of the held-out eras",
    _VAL_CORR_COLOR,
)
_VAL_ACCURACY: _Curve = (
    "val_accuracy",
    "val_accuracy: held-out rows in the right class",
    _VAL_ACCURACY_COLOR,
)


def _panels(chart: Chart) -> list[list[_Curve]]:
    """Return which curves stand in which panel, from above."""
    losses = [curve for curve in (_LOSS, _VAL_LOSS) if chart.has(curve[0])]
    panels = [losses] if losses else []
    if len(losses) == 2:
        low, high = _limits([chart.column("loss"), chart.column("val_loss")])
        own_low, own_high = _limits([chart.column("val_loss")])
        if own_high - own_low < _READABLE_SHARE * (high - low) and len(chart.rows) > 2:
            panels = [[_LOSS], [_VAL_LOSS]]
    panels.append([_VAL_CORR])
    if chart.has("val_accuracy"):
        panels.append([_VAL_ACCURACY])
    return panels


def _draw_panel(axes: Any, chart: Chart, curves: list[_Curve]) -> None:
    epochs = chart.column("epoch")
    style: dict[str, Any] = {
        "marker": "o" if len(epochs) <= _MOST_DOTS else "",
        "markersize": 4,
    }
    for name, label, color in curves:
        axes.plot(epochs, chart.column(name), color=color, label=label, **style)
    names = [name for name, _, _ in curves]
    if chart.best is not None:
        axes.axvline(epochs[chart.best], color=_BEST_COLOR, linestyle="--", linewidth=1)
        if chart.monitor in names:
            axes.plot(
                epochs[chart.best],
                chart.column(chart.monitor)[chart.best],
                "*",
                color=_BEST_COLOR,
                markersize=13,
                label=f"best at {chart.unit} {epochs[chart.best]:.0f}",
            )
    if "val_corr" in names:
        low, high = _range([chart.column("val_corr")])
        # Where zero is far away, its line would flatten the curve.
        if low <= high - low or low <= 0.0:
            axes.axhline(0.0, color="black", linewidth=0.6)
        axes.set_ylabel("CORR")
        if not chart.has("val_corr"):
            axes.set_yticks([])
            axes.text(
                0.5,
                0.55,
                "not defined: all predictions of an era are the same",
                transform=axes.transAxes,
                ha="center",
                color="#707070",
            )
    elif "val_accuracy" in names:
        axes.set_ylabel("accuracy")
    else:
        axes.set_ylabel("loss")
        axes.set_ylim(*_limits([chart.column(name) for name in names]))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="best")


def _title(chart: Chart) -> str:
    if chart.best is None:
        return f"{chart.title}\nno best {chart.unit} yet"
    row = chart.rows[chart.best]
    shown = [
        f"{name} {row[name]:.{digits}f}"
        for name, digits in (("val_loss", 5), ("val_corr", 4), ("val_accuracy", 4))
        if math.isfinite(row.get(name, math.nan))
    ]
    return (
        f"{chart.title}\nbest at {chart.unit} {row['epoch']:.0f} by {chart.monitor}: "
        + ", ".join(shown)
    )


def _footer(chart: Chart) -> str:
    seconds = [value for value in chart.column("seconds") if math.isfinite(value)]
    count = chart.rows[-1]["epoch"]
    plural = "" if count == 1 else "s"
    parts = [f"{count:,.0f} {chart.unit}{plural} in {sum(seconds):,.0f} s"]
    for name, form in (
        ("rows_per_second", "{:,.0f} rows/s"),
        ("waiting", "{:.0%} of the time waiting for data"),
    ):
        values = [value for value in chart.column(name) if math.isfinite(value)]
        if values:
            parts.append(form.format(sum(values) / len(values)))
    return ", ".join(parts)


def _ends(epochs: list[float]) -> tuple[float, float]:
    """Return where the horizontal axis begins and ends, wide enough for one epoch."""
    step = (epochs[-1] - epochs[0]) / (len(epochs) - 1) if len(epochs) > 1 else 1.0
    margin = max(0.02 * (epochs[-1] - epochs[0]), 0.25 * step)
    return epochs[0] - margin, epochs[-1] + margin


def _limits(columns: Sequence[list[float]]) -> tuple[float, float]:
    """Return the range of losses to show.

    The first epochs of a network can lose many times more than all others; they may
    leave the picture, so that the rest can be read.
    """
    late_low, late_high = _range([column[len(column) // 4 :] for column in columns])
    lowest, high = _range(columns)
    high = min(high, late_high + 2 * (late_high - late_low))
    margin = 0.06 * max(high - lowest, 1e-3 * abs(high), 1e-9)
    return lowest - margin, high + margin


def _range(columns: Sequence[list[float]]) -> tuple[float, float]:
    values = [value for column in columns for value in column if math.isfinite(value)]
    return min(values, default=0.0), max(values, default=1.0)
