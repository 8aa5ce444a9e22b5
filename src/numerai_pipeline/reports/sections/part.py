"""What the sections of a page share."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from numerai_pipeline.data import Fold
from numerai_pipeline.evaluation import Evaluation, ScoreRow
from numerai_pipeline.reports.inputs import ModelReport, Report, Shown
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, tag
from numerai_pipeline.reports.plots import Plot, Series, Span
from numerai_pipeline.reports.scales import Floats
from numerai_pipeline.reports.words import number

# Weekly eras of a year.
YEAR = 52

BENCHMARK, META = "reference", "meta"


def missing(why: str, command: str) -> Html:
    """Return the line of a section that has no data.

    Args:
        why: a sentence.
        command: what adds it.
    """
    return tag("p", f"{why} Add it: ", tag("code", command), class_="missing")


def note(*words: str | None) -> Html:
    """Return an explanation in small letters."""
    return tag("p", *words, class_="note")


def grid(children: Iterable[Html | None]) -> Html:
    """Return figures and tables side by side where the page is wide."""
    return tag("div", *children, class_="grid")


def titled(model: ModelReport, report: Report, text: str) -> str:
    """Return a title that names the model where there are several."""
    if len(report.models) > 1:
        return f"{model.name}: {text}"
    return text[:1].upper() + text[1:]


def scored_folds(evaluation: Evaluation) -> list[Fold]:
    """Return the folds with the eras that were scored as their test eras.

    Those of a run may be its validation eras, or newer ones than its fold knew.
    """
    if evaluation.on == "backtest":
        return [fold for fold in evaluation.folds if fold.test]
    eras = tuple(map(int, evaluation.rows[0].scores.eras))
    [fold] = evaluation.folds
    train, validation = (
        tuple(era for era in part if era not in eras)
        for part in (fold.train, fold.validation)
    )
    scored = replace(fold, train=train, validation=validation, test=eras, purge=0)
    return [scored] if eras else []


def spans_of(report: Report, *, start: float | None = None) -> list[Span]:
    """Return the folds of the first model, every second one shaded, and the purge.

    Args:
        report: whose folds.
        start: what is before this era is left out; by default what is before the
            first scored one.
    """
    scored = report.models[0].corr.scores.eras
    begin = float(scored[0]) - 0.5 if start is None and len(scored) else start or 0.0
    folds = scored_folds(report.models[0].evaluation)
    found: list[Span] = []
    for place, fold in enumerate(folds, 1):
        first, last = fold.test[0], fold.test[-1]
        kind: Literal["fold", "plain"] = "plain" if place % 2 else "fold"
        if len(folds) > 1:
            found.append(Span(first - 0.5, last + 0.5, kind, str(place)))
        before = [era for era in (*fold.train, *fold.validation) if era < first]
        if before and not fold.by_rows:
            found.append(Span(max(before) + 0.5, first - 0.5, "purge"))
    return [
        replace(span, low=max(span.low, begin)) for span in found if span.high > begin
    ]


def total_of(row: ScoreRow) -> tuple[Floats, Floats]:
    """Return the eras that have a score, and the sum of the scores up to each."""
    kept = row.scores.defined
    return kept.eras.astype(float), kept.values.cumsum()


def running_mean(eras: Floats, values: Floats) -> Floats:
    """Return the mean over the year before each era; NaN in the first year."""
    sums = np.append(0.0, values.cumsum())
    starts = np.searchsorted(eras, eras - YEAR, side="right")
    ends = np.arange(1, len(eras) + 1)
    means = (sums[ends] - sums[starts]) / (ends - starts)
    return np.where(eras - eras[0] < YEAR - 1, np.nan, means)


def totals(report: Report, canvas: Canvas, title: str, shown: Sequence[Shown]) -> Html:
    """Return the plot of sums over eras.

    Args:
        report: whose folds are shaded.
        canvas: draws it.
        title: of the plot.
        shown: the scores.
    """
    series = [
        Series(
            f"{one.name} {number(one.row.summary.mean)}", *total_of(one.row), one.look
        )
        for one in shown
    ]
    # Where all of them start late, an empty half of the plot would say nothing.
    start = min(float(each.x[0]) for each in series) - 0.5
    spans = spans_of(report, start=start)
    return canvas.plot(Plot(title, "era", series, spans, height=240))


def score_command(evaluation: Evaluation, options: str = "") -> str:
    """Return the command that scores a model again."""
    words = f"nai score {evaluation.model} --on {evaluation.on} {options}"
    return words.strip()
