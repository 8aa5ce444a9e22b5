"""How the eras differ: bars, drawdown, distribution, autocorrelation, years."""

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from numerai_pipeline.reports.inputs import ModelReport, Report, Shown
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.plots import Plot, Series, Span
from numerai_pipeline.reports.scales import Floats
from numerai_pipeline.reports.sections.part import (
    BENCHMARK,
    YEAR,
    grid,
    missing,
    note,
    running_mean,
    score_command,
    spans_of,
    titled,
    total_of,
)
from numerai_pipeline.reports.tables import heat_cell, largest_of, table
from numerai_pipeline.reports.words import number, percent

# Fewer scores show no shape.
_LEAST_SCORES = 12
_LONGEST_LAG = 26
_YEAR_METRICS = ("CORR", "MMC", "BMC", "FNC", "payout", "exposure")


def per_era(report: Report, canvas: Canvas) -> Html:
    """Return CORR per era as bars, with the mean of a year before each era."""
    charts = [
        _bars(model, report, canvas)
        for model in report.models
        if model.corr.summary.n_eras
    ]
    if not charts:
        return missing(
            "No era has a score.", score_command(report.models[0].evaluation)
        )
    return join(charts)


def _bars(model: ModelReport, report: Report, canvas: Canvas) -> Html:
    kept = model.corr.scores.defined
    eras = kept.eras.astype(float)
    series = [
        Series("CORR per era", eras, kept.values, f"{report.look(model)} soft", "bars")
    ]
    means = running_mean(eras, kept.values)
    if np.isfinite(means).any():
        series.append(Series(f"mean of {YEAR} eras", eras, means, "mean"))
    evaluation = model.evaluation
    other = (
        evaluation.row("CORR", evaluation.benchmark) if evaluation.benchmark else None
    )
    if other is not None and len(series) > 1:
        theirs = other.scores.defined
        about = f"{other.who}, mean of {YEAR}"
        places = theirs.eras.astype(float)
        series.append(
            Series(about, places, running_mean(places, theirs.values), BENCHMARK)
        )
    above = percent(float((kept.values > 0).mean()))
    title = titled(model, report, f"CORR per era, above zero in {above}")
    return canvas.plot(
        Plot(
            title,
            "era",
            series,
            spans_of(report),
            height=200,
            is_dense=len(eras) > YEAR,
        )
    )


def drawdown(report: Report, canvas: Canvas) -> Html:
    """Return how far cumulative CORR is below its highest point so far."""
    own = report.own("CORR")
    if not own:
        return missing(
            "No era has a score.", score_command(report.models[0].evaluation)
        )
    series = [_fall(one, "area") for one in own]
    series += [_fall(one, "line") for one in report.benchmark("CORR")]
    plot = Plot(
        "Drawdown of cumulative CORR", "era", series, spans_of(report), height=200
    )
    return canvas.plot(plot)


def _fall(shown: Shown, kind: Literal["line", "area"]) -> Series:
    eras, total = total_of(shown.row)
    label = f"{shown.name}, deepest {number(shown.row.summary.max_drawdown, 3)}"
    return Series(label, eras, total - np.maximum.accumulate(total), shown.look, kind)


def distribution(report: Report, canvas: Canvas) -> Html:
    """Return the histogram and the autocorrelation of CORR per era."""
    charts: list[Html] = []
    for model in report.models:
        values = model.corr.scores.defined.values
        if len(values) >= _LEAST_SCORES:
            charts.append(_histogram(model, report, canvas, values))
            charts.append(_autocorrelation(model, report, canvas, values))
    if not charts:
        return missing(
            f"Fewer than {_LEAST_SCORES} eras have a score.",
            "nai backtest " + report.models[0].name,
        )
    return join(
        [
            grid(charts),
            note(
                "Amber distances: targets of eras this near share returns, so their "
                "scores resemble each other by construction. Dashed: 95 % of the "
                "values without any autocorrelation."
            ),
        ]
    )


def _histogram(
    model: ModelReport, report: Report, canvas: Canvas, values: Floats
) -> Html:
    counts, edges = np.histogram(
        values, bins=min(40, max(8, round(2 * len(values) ** 0.4)))
    )
    centres = (edges[:-1] + edges[1:]) / 2
    deviation = (values - values.mean()) / (values.std() or 1.0)
    skew, kurtosis = float((deviation**3).mean()), float((deviation**4).mean()) - 3
    title = titled(
        model,
        report,
        f"distribution of CORR: skew {number(skew, 2)}, excess kurtosis "
        f"{number(kurtosis, 2)}",
    )
    series = [Series("eras", centres, counts.astype(float), report.look(model), "bars")]
    return canvas.plot(
        Plot(title, "CORR per era", series, height=180, digits=0, is_dense=True)
    )


def _autocorrelation(
    model: ModelReport, report: Report, canvas: Canvas, values: Floats
) -> Html:
    lags = np.arange(1, min(_LONGEST_LAG, len(values) // 3) + 1)
    centred = values - values.mean()
    variance = float(centred @ centred) or 1.0
    found = np.array([float(centred[lag:] @ centred[:-lag]) / variance for lag in lags])
    limit = np.full(len(lags), 1.96 / math.sqrt(len(values)))
    places = lags.astype(float)
    series = [
        Series("autocorrelation", places, found, report.look(model), "bars"),
        Series("", places, limit, "reference"),
        Series("", places, -limit, "reference"),
    ]
    overlap = [Span(0.5, model.corr.horizon - 0.5, "purge")]
    title = titled(model, report, "autocorrelation of CORR")
    return canvas.plot(
        Plot(title, "distance in eras", series, overlap, height=180, digits=2)
    )


def by_year(report: Report, _: Canvas) -> Html:
    """Return the means of each 52 eras, counted back from the newest."""
    tables = [_years(model) for model in report.models]
    return join(
        [
            grid(tables),
            note(
                f"Means of {YEAR} eras, counted back from the newest; the oldest row "
                "may have fewer. Colours compare within a column."
            ),
        ]
    )


def _years(model: ModelReport) -> Html:
    rows = [
        row
        for metric in _YEAR_METRICS
        if (row := model.evaluation.row(metric)) is not None
    ]
    last = max((int(row.scores.eras[-1]) for row in rows), default=0)
    first = min((int(row.scores.eras[0]) for row in rows), default=0)
    blocks = [
        (max(first, end - YEAR + 1), end) for end in range(last, first - 1, -YEAR)
    ][::-1]
    means = [
        [_mean(row.scores.eras, row.scores.values, *block) for block in blocks]
        for row in rows
    ]
    body = []
    for place, (start, end) in enumerate(blocks):
        cells: list[str] = [f"{start:04d}–{end:04d}"]
        for row, column in zip(rows, means, strict=True):
            is_return = row.metric != "exposure"
            largest, digits = (largest_of(column), 4) if is_return else (0.0, 3)
            cells.append(
                heat_cell(column[place], largest, digits=digits, heading=row.metric)
            )
        body.append(cells)
    titles = ["eras", *(row.metric for row in rows)]
    return tag("div", tag("h4", model.name), table(titles, body, class_="tight years"))


def _mean(eras: npt.NDArray[Any], values: Floats, first: int, last: int) -> float:
    found = values[(eras >= first) & (eras <= last)]
    found = found[~np.isnan(found)]
    return float(found.mean()) if len(found) else math.nan
