"""How much a model is like others, and several models beside each other."""

import math

import numpy as np

from numerai_pipeline.evaluation import Pair, ScoreRow
from numerai_pipeline.reports.inputs import Report, Shown, common_values
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.plots import Plot, Series
from numerai_pipeline.reports.sections.part import grid, missing, note
from numerai_pipeline.reports.tables import (
    bars,
    matrix,
    named,
    scale_of,
    table,
    whisker,
)
from numerai_pipeline.reports.words import interval, number

# Whether more of it is better.
_RANKED = {
    "CORR": True,
    "MMC": True,
    "BMC": True,
    "FNC": True,
    "payout": True,
    "exposure": False,
}


def similarity(report: Report, _: Canvas) -> Html:
    """Return how much the predictions resemble the benchmarks' and each other."""
    parts = []
    for model in report.models:
        rows = [row for row in model.evaluation.rows if row.metric == "similarity"]
        means = [(row.of, row.summary.mean) for row in rows if row.summary.n_eras]
        means.sort(key=lambda one: -one[1])
        if means:
            title = f"{model.name} with benchmarks"
            parts.append(bars(title, means, report.look(model), digits=3))
    if report.comparison is not None:
        found = report.comparison
        cells = matrix(found.names, found.correlations)
        parts.append(tag("div", tag("h4", "With each other"), cells))
    if not parts:
        return missing("No benchmark covers these eras.", "nai download --benchmarks")
    return join(
        [
            grid(parts),
            note(
                "Correlation of the ranked predictions, mean of the eras. The nearer a "
                "model is to what everybody has, the less of its own it adds."
            ),
        ]
    )


def several(report: Report, canvas: Canvas) -> Html:
    """Return ranks, paired differences, CORR beside MMC, and common bad eras."""
    if len(report.models) < 2:
        command = f"nai report {report.models[0].name} OTHER"
        return missing("One model has nothing to be ranked with.", command)
    below = [_scatter(report, canvas), _bad_eras(report)]
    return join([_ranks(report), _pairs(report), grid(below)])


def _ranks(report: Report) -> Html:
    columns = {metric: report.own(metric) for metric in _RANKED}
    columns = {metric: shown for metric, shown in columns.items() if shown}
    rows = [
        [
            named(model.name, report.look(model)),
            *(_rank(model.name, metric, columns[metric]) for metric in columns),
        ]
        for model in report.models
    ]
    body = table(["model", *columns], rows)
    return tag("div", tag("h4", "Rank by mean"), body)


def _rank(name: str, metric: str, shown: list[Shown]) -> Html:
    means = {one.name: one.row.summary.mean for one in shown}
    if name not in means:
        return Html("–")
    order = sorted(means.values(), reverse=_RANKED[metric])
    rank = str(order.index(means[name]) + 1)
    small = tag("small", f" {number(means[name])}")
    return tag("span", tag("b", rank), small, class_="rank")


def _pairs(report: Report) -> Html | None:
    if report.comparison is None:
        return None
    pairs = [one for one in report.comparison.pairs if one.difference.n_eras]
    rows = [
        _pair(one, [each for each in pairs if each.metric == one.metric])
        for one in pairs
    ]
    headings = (
        "score",
        "first",
        "second",
        "difference",
        "95 % interval",
        "",
        "first is",
        "eras",
    )
    about = (
        "Paired by era. A verdict needs a p-value below 0.05 after Holm's correction "
        "for the number of pairs, so it asks for more than an interval does."
    )
    body = table(headings, rows, n_texts=3)
    return tag("div", tag("h4", "Differences"), body, note(about))


def _pair(pair: Pair, peers: list[Pair]) -> list[str]:
    found = pair.difference
    peer = [one.difference for one in peers]
    ends = [end for one in peer for end in (one.low, one.high, one.mean)]
    scale = scale_of(end for end in ends if math.isfinite(end))
    look = {"better": "above", "worse": "below"}.get(pair.verdict, "open")
    return [
        pair.metric,
        pair.first,
        pair.second,
        tag("b", number(found.mean, sign=True)),
        interval(found.low, found.high, sign=True),
        whisker(scale, found.mean, found.low, found.high),
        tag("span", pair.verdict, class_=f"versus {look}"),
        str(found.n_eras),
    ]


def _scatter(report: Report, canvas: Canvas) -> Html:
    corr = [*report.own("CORR"), *report.benchmark("CORR")]
    mmc = {one.name: one for one in (*report.own("MMC"), *report.benchmark("MMC"))}
    points = [(one, mmc[one.name]) for one in corr if one.name in mmc]
    if not points:
        return missing("No MMC to show beside CORR.", "nai download --meta")
    series = [each for across, up in points for each in _point(across, up)]
    title = "Mean CORR (across) and mean MMC (up), 95 % intervals"
    return canvas.still(
        Plot(title, "mean CORR", series, height=240, has_zero=False, margin=0.06)
    )


def _point(across: Shown, up: Shown) -> list[Series]:
    """Return a dot, and its interval in both directions as far as there is one."""
    x, y = across.row.summary, up.row.summary
    lines = (
        (np.array([x.low, x.high]), np.array([y.mean, y.mean])),
        (np.array([x.mean, x.mean]), np.array([y.low, y.high])),
    )
    reach = [
        Series("", places, heights, f"{across.look} thin")
        for places, heights in lines
        if np.isfinite([places, heights]).all()
    ]
    dot = Series(
        across.name, np.array([x.mean]), np.array([y.mean]), across.look, "dots"
    )
    return [*reach, dot]


def _bad_eras(report: Report) -> Html:
    """Return how far the models' good and bad eras coincide."""
    names = [model.name for model in report.models]
    values = np.array(
        [[_together(a.corr, b.corr) for b in report.models] for a in report.models]
    )
    about = note("Models whose bad eras coincide do not protect each other.")
    title = tag("h4", "Correlation of CORR per era")
    return tag("div", title, matrix(names, values), about)


def _together(one: ScoreRow, other: ScoreRow) -> float:
    eras, (a, b) = common_values([one, other])
    if len(eras) < 3 or not (a.std() and b.std()):
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
