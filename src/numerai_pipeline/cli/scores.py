"""Prints scores and comparisons: means with their intervals, colours where clear."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from numerai_pipeline.api import Compared, Scored
from numerai_pipeline.cli.tables import Cell, echo, format_value, print_table
from numerai_pipeline.core import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from numerai_pipeline.evaluation import Evaluation, ScoreRow, Sweep, Trials
    from numerai_pipeline.scoring import Difference, Summary

# What a table of scores shows, in this order; JSON has all of them.
_SHOWN = ("CORR", "MMC", "BMC", "FNC", "exposure", "CWMM", "payout")

_COLUMNS = ["", "mean ±95 %", "std", "Sharpe ±95 %", "drawdown", "eras", "eff."]

STYLES = {"better": "green", "worse": "red"}

# Metrics of which neither more nor less is better.
_NEUTRAL = ("exposure", "CWMM")


def print_scored(result: Scored) -> None:
    """Print a table of the models, then of what they are compared with."""
    evaluations = list(result.results.values())
    rows: list[tuple[object, ...]] = []
    for name, evaluation in result.results.items():
        rows += _rows_of(name, _own(evaluation), evaluation)
    rows += _reference_rows(evaluations)
    failed = (Cell("failed"), *[Cell("")] * 5)
    rows += [(one.name, *failed) for one in result.outcomes if one.error]
    parts = sorted({one.on for one in evaluations})
    title = f"Scores per {' or '.join(parts) or 'test'} era"
    print_table(title, _COLUMNS, rows, padding=0)
    for name, evaluation in result.results.items():
        _print_notes(name, evaluation, result.trials[name])
    for name, sweep in result.sweeps.items() if result.has_sweep else ():
        _print_sweep(name, sweep)
    if any(math.isnan(one.rows[0].summary.low) for one in evaluations):
        least = 8 * evaluations[0].rows[0].horizon
        echo(
            f"–: fewer than the {least} eras that an interval takes; a backtest has "
            f"more: nai backtest {evaluations[0].model}"
        )
    if result.openings:
        last = result.openings[-1]
        echo(
            f"lockbox: opened {counted(len(result.openings), 'times')} so far, last on "
            f"{last.opened_at:%Y-%m-%d} by {last.model}"
        )


def print_compared(result: Compared) -> None:
    """Print the pairs by metric, then how alike the predictions are."""
    print_table(
        "Differences per common era",
        ["score", "", "mean ±95 %", "p", "eras", "needed", "verdict"],
        [
            (
                pair.metric,
                f"{pair.first} – {pair.second}",
                Cell(plus_minus(pair.difference.mean, pair.difference.low, "+.4f")),
                Cell("–" if math.isnan(pair.p_value) else f"{pair.p_value:.3f}"),
                pair.difference.n_eras,
                _needed(pair.difference),
                Cell(pair.verdict, STYLES.get(pair.verdict, ""), is_number=False),
            )
            for pair in result.comparison.pairs
        ],
        padding=0,
    )
    print_correlations(
        "Correlation of the predictions",
        result.comparison.names,
        result.comparison.correlations,
    )
    echo(
        "verdict: of the first model, by p, which Holm's method adjusts for all pairs "
        "of a score; needed: eras after which this difference alone would be clear"
    )
    for name, words in result.neutralized.items():
        echo(f"{name}: {words}, era by era")
    for warning in result.warnings:
        echo(warning)


def print_correlations(
    title: str, names: "Sequence[str]", correlations: "npt.NDArray[np.float64]"
) -> None:
    """Print a matrix of correlations, a row per name."""
    print_table(
        title,
        ["", *names],
        [
            (name, *(Cell(show_number(value, ".2f")) for value in values))
            for name, values in zip(names, correlations, strict=True)
        ],
        padding=0,
    )


def _rows_of(
    who: str, scores: "Sequence[ScoreRow]", evaluation: "Evaluation"
) -> Iterator[tuple[object, ...]]:
    """Yield a line with the name, then one per score."""
    yield (who, *[Cell("")] * 6)
    for row in scores:
        found = row.summary
        style = _style(row, evaluation)
        margin = found.mean - found.low
        is_gain = row.metric not in _NEUTRAL
        yield (
            f"  {row.metric}",
            Cell(plus_minus(found.mean, found.low, ".4f"), style),
            Cell(show_number(found.std, ".4f")),
            Cell(plus_minus(found.sharpe, found.sharpe_low, ".2f") if is_gain else ""),
            Cell(show_number(found.max_drawdown, ".4f") if is_gain else ""),
            found.n_eras,
            Cell("–" if math.isnan(margin) else f"{found.n_effective:,.0f}"),
        )


def _own(evaluation: "Evaluation") -> "list[ScoreRow]":
    found = (evaluation.row(metric) for metric in _SHOWN)
    return [row for row in found if row is not None]


def _reference_rows(
    evaluations: "Sequence[Evaluation]",
) -> Iterator[tuple[object, ...]]:
    """Yield the benchmark and the meta model, once per set of eras."""
    seen = set()
    for evaluation in evaluations:
        for who in (evaluation.benchmark, evaluation.meta_model):
            found = (evaluation.row(metric, who) for metric in _SHOWN if who)
            rows = [row for row in found if row is not None]
            key = (who, *(row.scores.eras.tobytes() for row in rows))
            if rows and key not in seen:
                seen.add(key)
                yield from _rows_of(who, rows, evaluation)


def _style(row: "ScoreRow", evaluation: "Evaluation") -> str:
    """Return green or red where a score is clearly above or below the benchmark."""
    if row.metric in _NEUTRAL or row.who != evaluation.model:
        return ""
    found = row.summary if row.metric == "BMC" else evaluation.versus_benchmark(row)
    if found is None:
        return ""
    return "green" if found.low > 0 else "red" if found.high < 0 else ""


def _print_notes(name: str, evaluation: "Evaluation", trials: "Trials") -> None:
    eras = evaluation.rows[0].scores.eras
    features = evaluation.features
    measured = f", FNC and exposure: {features.feature_set}" if features else ""
    echo(
        f"{name}: {evaluation.folder.name}, {evaluation.on} eras "
        f"{eras[0]:04d} to {eras[-1]:04d}, purge {evaluation.purge}{measured}"
    )
    if evaluation.neutralized:
        echo(f"{name}: {evaluation.neutralized}, era by era")
    for row in _own(evaluation):
        found = evaluation.versus_benchmark(row)
        if row.metric == "CORR" and found is not None and found.n_eras:
            echo(
                f"{name}: {row.metric} {_versus(found)} of "
                f"{evaluation.benchmark} on {found.n_eras} common eras"
            )
    if trials.n > 1:
        echo(f"{name}: {trials.sentence}")
    for warning in evaluation.warnings:
        echo(f"{name}: {warning}")
    echo(f"plot: {format_value(evaluation.plot)}")


def _print_sweep(name: str, sweep: "Sweep") -> None:
    """Print a table of the proportions, and what to know before one is chosen."""
    print_table(
        f"{name} neutralized to {sweep.feature_set}",
        [
            "proportion",
            "CORR ±95 %",
            "minus 0",
            "MMC",
            "payout",
            "minus 0",
            "exposure",
        ],
        [
            (
                Cell(f"{row.proportion:g}"),
                Cell(_mean(row.corr)),
                _gain(row.corr_difference),
                Cell(_mean(row.mmc)),
                Cell(_mean(row.payout)),
                _gain(row.payout_difference),
                Cell(show_number(row.exposure, ".4f")),
            )
            for row in sweep.rows
        ],
        padding=0,
    )
    for sentence in sweep.notes:
        echo(f"{name}: {sentence}")
    echo(f"plot: {format_value(sweep.plot)}")


def _mean(found: "Summary | None") -> str:
    return "–" if found is None else plus_minus(found.mean, found.low, ".4f")


def _gain(found: "Difference | None") -> Cell:
    """Return a difference, green or red where it is clear."""
    if found is None:
        return Cell("")
    style = "green" if found.low > 0 else "red" if found.high < 0 else ""
    return Cell(plus_minus(found.mean, found.low, "+.4f"), style)


def _versus(found: "Difference") -> str:
    """Say how a model compares with the benchmark.

    >>> from numerai_pipeline.scoring import Difference
    >>> _versus(Difference(40, 0.01, 0.004, 0.016, 0.01, 30))
    'is clearly above (+0.0100 ±0.0060) that'
    """
    if math.isnan(found.low):
        return f"has too few eras to be compared ({found.mean:+.4f}) with that"
    shown = f"({plus_minus(found.mean, found.low, '+.4f')})"
    if found.low > 0:
        return f"is clearly above {shown} that"
    if found.high < 0:
        return f"is clearly below {shown} that"
    return f"is not clearly different {shown} from that"


def _needed(found: "Difference") -> int | None:
    """Return how many eras it takes; None where there are as many already."""
    needed = found.eras_needed
    return None if needed is None or needed <= found.n_eras else needed


def plus_minus(mean: float, low: float, form: str) -> str:
    """Write a mean and half its interval, which lies evenly around it.

    >>> plus_minus(0.019, 0.012, ".4f"), plus_minus(0.019, math.nan, ".4f")
    ('0.0190 ±0.0070', '0.0190      –')
    """
    if math.isnan(mean):
        return "–"
    margin = format(mean - low, form.replace("+", ""))
    width = len(margin) if not math.isnan(low) else int(form[-2]) + 2
    return f"{mean:{form}} " + (f"{'–':>{width}}" if math.isnan(low) else f"±{margin}")


def show_number(value: float, form: str) -> str:
    """Write a number, or a dash where it is not defined."""
    return "–" if math.isnan(value) else format(value, form)
