"""The plots of scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.core import atomic_path
from numerai_pipeline.evaluation.result import Evaluation, ScoreRow

_MODEL = "#1f5fa8"
_META_MODEL = "#b3541e"
_BEST_BENCHMARK = "#2e7d32"
_OTHER_BENCHMARKS = "#b0b0b0"
_LOSS = "#c0504d"

# More bars than these get no gaps: a gap would be thinner than a pixel.
_SEPARATE_BARS = 80


def plot_scores(evaluation: Evaluation, path: Path) -> None:
    """Write the plot of ``draw_scores`` as a PNG.

    Args:
        evaluation: what to draw.
        path: the file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    draw_scores(figure, evaluation)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def draw_scores(figure: Any, evaluation: Evaluation) -> None:
    """Draw cumulative CORR beside the references, and CORR and MMC per era.

    A reference that starts later than the model starts at the model's height there,
    so that from then on the higher line is the better one.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        evaluation: what to draw.
    """
    from matplotlib.ticker import MaxNLocator

    own = evaluation.rows[0]
    mmc = next((row for row in evaluation.rows if row.metric == "MMC"), None)
    bars = [own] if mmc is None else [own, mmc]
    figure.set_size_inches(9, 4 + 2 * len(bars))
    total, *below = figure.subplots(
        1 + len(bars), 1, sharex=True, height_ratios=[3] + [1.4] * len(bars)
    )
    _draw_totals(total, evaluation)
    for axes, row in zip(below, bars, strict=True):
        _draw_bars(axes, row)
    for axes in (total, *below):
        _tidy(axes)
    below[-1].set_xlabel("era")
    below[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(_title(evaluation), fontsize=11)


def draw_comparison(figure: Any, evaluations: Sequence[Evaluation]) -> None:
    """Draw the cumulative CORR of several models, and of the meta model.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        evaluations: what to draw, at least one.
    """
    from matplotlib.ticker import MaxNLocator

    figure.set_size_inches(9, 5)
    axes = figure.subplots()
    own = evaluations[0].rows[0]
    for evaluation in evaluations:
        row = evaluation.rows[0]
        _draw_total(axes, row, own, label=_label(row), linewidth=2.0)
    meta_model = _meta_model(evaluations[0])
    if meta_model is not None:
        label = _label(meta_model)
        _draw_total(axes, meta_model, own, label=label, color="black", linewidth=1.0)
    _tidy(axes)
    axes.set_xlabel("era")
    axes.set_ylabel("cumulative CORR")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="upper left", title="mean CORR", fontsize=9)


def _meta_model(evaluation: Evaluation) -> ScoreRow | None:
    names = [ref.name for ref in evaluation.coverage if ref.kind == "meta model"]
    rows = (
        row
        for row in evaluation.rows[1:]
        if row.who in names and row.metric == "CORR" and row.summary.n_eras
    )
    return next(rows, None)


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


def _draw_totals(axes: Any, evaluation: Evaluation) -> None:
    own = evaluation.rows[0]
    kinds = {reference.name: reference.kind for reference in evaluation.coverage}
    theirs = [
        row
        for row in evaluation.rows[1:]
        if row.metric == "CORR" and row.who in kinds and row.summary.n_eras
    ]
    benchmarks = [row for row in theirs if kinds[row.who] == "benchmark"]
    best = max(benchmarks, key=lambda row: row.summary.mean, default=None)
    _draw_total(axes, own, own, color=_MODEL, label=_label(own), linewidth=2.2)
    for row in theirs:
        color, label = _OTHER_BENCHMARKS, _label(row)
        if kinds[row.who] == "meta model":
            color = _META_MODEL
        elif row is best:
            color = _BEST_BENCHMARK
        else:
            is_first = row is next(other for other in benchmarks if other is not best)
            label = "other benchmarks" if is_first else ""
        _draw_total(axes, row, own, color=color, label=label, linewidth=1.3)
    axes.set_ylabel("cumulative CORR")
    axes.legend(frameon=False, loc="upper left", title="mean CORR", fontsize=9)


def _label(row: ScoreRow) -> str:
    return f"{row.who}: {row.summary.mean:.4f} over {row.summary.n_eras} eras"


def _draw_total(axes: Any, row: ScoreRow, own: ScoreRow, **style: Any) -> None:
    eras, values = row.scores.eras, np.nan_to_num(row.scores.values)
    before = own.scores.values[own.scores.eras < eras[0]]
    start = float(np.nansum(before))
    # The first point is the level before the first era.
    axes.plot(
        np.append(eras[0] - 1, eras), start + np.append(0.0, values.cumsum()), **style
    )


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
