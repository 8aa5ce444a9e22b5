"""The plots of scores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.core import atomic_path
from numerai_pipeline.evaluation.comparison import Comparison
from numerai_pipeline.evaluation.result import Evaluation
from numerai_pipeline.evaluation.rows import ScoreRow, common_eras

_MODEL = "#1f5fa8"
_META_MODEL = "#b3541e"
_BENCHMARK = "#2e7d32"
_LOSS = "#c0504d"

# Margins around the panels, and what is between two of them, in inches.
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 0.9, 0.15, 0.65, 0.55, 0.32

# Side of a cell of the heat map and width of a letter beside it, in inches; a number
# is white in cells darker than this.
_CELL, _LETTER, _DARK = 0.6, 0.075, 0.7

# More bars than these get no gaps: a gap would be thinner than a pixel.
_SEPARATE_BARS = 80


def plot_scores(evaluation: Evaluation, path: Path) -> None:
    """Write the plot of ``draw_scores`` as a PNG.

    Args:
        evaluation: what to draw.
        path: the file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure()
    draw_scores(figure, evaluation)
    save_figure(figure, path)


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure of panels below each other as a PNG, whole."""
    _lay_out(figure)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def _lay_out(figure: Any) -> None:
    """Set margins in inches: a layout engine takes as long as all the drawing."""
    width, height = figure.get_size_inches()
    n_panels = len(figure.axes)
    height_of_panel = (height - _TOP - _BOTTOM - (n_panels - 1) * _GAP) / n_panels
    figure.subplots_adjust(
        left=_LEFT / width,
        right=1 - _RIGHT / width,
        top=1 - _TOP / height,
        bottom=_BOTTOM / height,
        hspace=_GAP / height_of_panel,
    )
    figure.align_ylabels()


def draw_scores(figure: Any, evaluation: Evaluation) -> None:
    """Draw cumulative CORR beside the references, drawdown, CORR and MMC per era.

    All lines of a panel are of the same eras and start at zero. A meta model that
    covers fewer eras than the benchmarks has a panel of its own.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        evaluation: what to draw.
    """
    from matplotlib.ticker import MaxNLocator

    own = evaluation.rows[0]
    benchmarks, meta_model = _references(evaluation)
    totals = [[own, *benchmarks]]
    if meta_model is not None:
        totals.append([*totals[0], meta_model])
    if len({_n_common(rows) for rows in totals}) == 1:
        totals = totals[-1:]
    mmc = evaluation.row("MMC")
    bars = [own] if mmc is None else [own, mmc]
    heights = [3.0] * len(totals) + [1.2] + [1.4] * len(bars)
    figure.set_size_inches(9, 1.2 * sum(heights))
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    colors = _colors(own, benchmarks, meta_model)
    for axes, rows in zip(panels, totals, strict=False):
        _draw_totals(axes, rows, colors)
    _draw_drawdowns(panels[len(totals)], totals[0], colors)
    for axes, row in zip(panels[len(totals) + 1 :], bars, strict=True):
        _draw_bars(axes, row)
    for axes in panels:
        _tidy(axes)
    panels[-1].set_xlabel("era")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(_title(evaluation), fontsize=11)


def draw_comparison(figure: Any, evaluations: Mapping[str, Evaluation]) -> None:
    """Draw the cumulative CORR of models and references on their common eras.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        evaluations: what to draw, by the name to show, at least one.
    """
    rows = [replace(one.rows[0], who=name) for name, one in evaluations.items()]
    benchmarks, meta_model = _references(next(iter(evaluations.values())))
    others = [*benchmarks, *([meta_model] if meta_model else [])]
    # A reference that shares few eras with the models would hide the others.
    others = [row for row in others if _n_common([*rows, row]) == _n_common(rows)]
    draw_rows(figure, [*rows, *others], _colors(None, benchmarks, meta_model))


def draw_rows(
    figure: Any,
    rows: Sequence[ScoreRow],
    colors: dict[str, str] | None = None,
) -> None:
    """Draw cumulative scores on their common eras.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        rows: what to draw, the most important first.
        colors: of some, by their ``who``.
    """
    from matplotlib.ticker import MaxNLocator

    figure.set_size_inches(9, 5)
    axes = figure.subplots()
    _draw_totals(axes, rows, colors or {})
    _tidy(axes)
    axes.set_xlabel("era")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_similarity(figure: Any, comparison: Comparison) -> None:
    """Draw how alike the models' predictions are, a cell with its value per pair.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        comparison: what to draw.
    """
    names, values = comparison.names, comparison.correlations
    # Names stand beside the cells and, slanted, below them.
    side = _CELL * len(names) + _LETTER * max(map(len, names)) + 0.4
    # The title has to fit above two cells, too.
    figure.set_size_inches(max(side, 3.2), max(side, 3.2))
    axes = figure.subplots()
    # Below 0 there is as little in common as at 0; that models are opposed is rare.
    axes.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        axes.text(
            column,
            row,
            "–" if np.isnan(value) else f"{value:.2f}",
            ha="center",
            va="center",
            color="white" if value > _DARK else "black",
        )
    places = range(len(names))
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.suptitle("correlation of the predictions", fontsize=11)


def _references(evaluation: Evaluation) -> tuple[list[ScoreRow], ScoreRow | None]:
    """Return the CORR of the main benchmark, as a list, and of the meta model."""
    found = [
        evaluation.row("CORR", who) if who else None
        for who in (evaluation.benchmark, evaluation.meta_model)
    ]
    benchmark, meta_model = found
    return ([benchmark] if benchmark else []), meta_model


def _n_common(rows: Sequence[ScoreRow]) -> int:
    return len(common_eras(rows)[0].eras)


def _colors(
    own: ScoreRow | None, benchmarks: Sequence[ScoreRow], meta_model: ScoreRow | None
) -> dict[str, str]:
    """Return the colour of each line by its name; others have matplotlib's own."""
    found = {row.who: _BENCHMARK for row in benchmarks}
    if meta_model is not None:
        found[meta_model.who] = _META_MODEL
    return found if own is None else {**found, own.who: _MODEL}


def _tidy(axes: Any) -> None:
    axes.axhline(0.0, color="black", linewidth=0.6)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _title(evaluation: Evaluation) -> str:
    summary = evaluation.rows[0].summary
    return (
        f"{evaluation.model} on {evaluation.n_eras} {evaluation.on} eras, scored by "
        f"{evaluation.target}\nCORR mean {summary.mean:.4f}, std {summary.std:.4f}, "
        f"Sharpe {summary.sharpe:.2f}, max drawdown {summary.max_drawdown:.3f}"
    )


def _draw_totals(axes: Any, rows: Sequence[ScoreRow], colors: dict[str, str]) -> None:
    """Draw cumulative scores on the common eras, from zero before the first one."""
    for row, scores in zip(rows, common_eras(rows), strict=True):
        if not len(scores.eras):
            continue
        mean = scores.summary(horizon=row.horizon)
        margin = mean.mean - mean.low
        shown = f"{row.who}: {mean.mean:.4f}" + (
            "" if np.isnan(margin) else f" ± {margin:.4f}"
        )
        axes.plot(
            np.append(scores.eras[0] - 1, scores.eras),
            np.append(0.0, scores.values.cumsum()),
            label=shown,
            linewidth=2.0 if row is rows[0] else 1.4,
            **_styled(row, colors),
        )
    axes.set_ylabel("cumulative CORR")
    if not _n_common(rows):
        return
    axes.legend(
        frameon=False,
        loc="upper left",
        title=f"mean CORR of {_n_common(rows)} common eras",
        fontsize=9,
    )


def _draw_drawdowns(
    axes: Any, rows: Sequence[ScoreRow], colors: dict[str, str]
) -> None:
    for row, scores in zip(rows, common_eras(rows), strict=True):
        total = scores.values.cumsum()
        fall = total - np.maximum.accumulate(total)
        style = _styled(row, colors)
        axes.plot(scores.eras, fall, linewidth=1.2, **style)
        if row is rows[0]:
            axes.fill_between(scores.eras, fall, alpha=0.25, linewidth=0, **style)
    axes.set_ylabel("drawdown")


def _styled(row: ScoreRow, colors: dict[str, str]) -> dict[str, str]:
    return {"color": colors[row.who]} if row.who in colors else {}


def _draw_bars(axes: Any, row: ScoreRow) -> None:
    eras, values = row.scores.eras, row.scores.values
    # One polygon for gains and one for losses: bars thinner than a pixel vanish.
    width = 0.42 if len(eras) <= _SEPARATE_BARS else 0.5
    edges = np.repeat(eras, 4) + np.tile([-width, -width, width, width], len(eras))
    heights = np.nan_to_num(values)[:, None] * np.array([0, 1, 1, 0])
    for color, part in ((_MODEL, heights.clip(min=0)), (_LOSS, heights.clip(max=0))):
        axes.fill_between(edges, part.ravel(), color=color, alpha=0.8, linewidth=0)
    axes.axhline(row.summary.mean, color="black", linewidth=1, linestyle="--")
    axes.set_ylabel(row.metric)
    n_positive = int((values > 0).sum())
    axes.set_title(
        f"{row.metric} per era: mean {row.summary.mean:.4f} (dashed), above zero in "
        f"{n_positive} of {row.summary.n_eras}",
        fontsize=9,
        loc="left",
    )
