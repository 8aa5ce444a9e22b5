"""Sums over eras: CORR, MMC and BMC, and the difference to the benchmark."""

from collections.abc import Sequence

import numpy as np

from numerai_pipeline.reports.inputs import ModelReport, Report, Shown, common_values
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join
from numerai_pipeline.reports.plots import Plot, Series
from numerai_pipeline.reports.sections.part import (
    grid,
    missing,
    note,
    score_command,
    spans_of,
    titled,
    totals,
)
from numerai_pipeline.reports.words import number

_BENCHMARK_FILES = "nai download --benchmarks"
_META_FILE = "nai download --meta"


def cumulative(report: Report, canvas: Canvas) -> Html:
    """Return cumulative CORR on common eras, and again where the meta model starts."""
    shown = report.own("CORR")
    if not shown:
        return missing(
            "No era has a score.", score_command(report.models[0].evaluation)
        )
    shown += report.benchmark("CORR")
    charts = [_common(report, canvas, shown)]
    meta_model = report.meta_model("CORR")
    if meta_model:
        charts.append(_common(report, canvas, shown + meta_model, meta=True))
    shading = (
        "Every second fold is shaded; amber eras are purged before a fold's test eras. "
        if len(report.models[0].evaluation.folds) > 1
        else "Amber eras are purged. "
    )
    return join(
        [
            *charts,
            note(
                shading,
                "Numbers in the legend are means per era. All lines start at zero on "
                "the same era, so the higher one is the better one.",
            ),
        ]
    )


def _common(
    report: Report, canvas: Canvas, shown: Sequence[Shown], *, meta: bool = False
) -> Html:
    eras, values = common_values([one.row for one in shown])
    if not len(eras):
        return note(
            "These models, the benchmark and the meta model have no era in common."
        )
    series = [
        Series(f"{one.name} {number(each.mean())}", eras, each.cumsum(), one.look)
        for one, each in zip(shown, values, strict=True)
    ]
    what = (
        "Cumulative CORR, in the eras of the meta model" if meta else "Cumulative CORR"
    )
    title = f"{what}: {len(eras)} eras, {eras[0]:04.0f} to {eras[-1]:04.0f}"
    spans = [] if meta else spans_of(report, start=0)
    return canvas.plot(Plot(title, "era", series, spans, height=200 if meta else 300))


def contributions(report: Report, canvas: Canvas) -> Html:
    """Return cumulative MMC and BMC, what a model adds to others."""
    mmc, bmc = report.own("MMC"), report.own("BMC")
    shown = [
        totals(report, canvas, "Cumulative MMC", mmc)
        if mmc
        else missing("No MMC: the meta model covers none of these eras.", _META_FILE),
        totals(report, canvas, f"Cumulative BMC of {bmc[0].row.of}", bmc)
        if bmc
        else missing("No BMC: there is no benchmark for these eras.", _BENCHMARK_FILES),
    ]
    return grid(shown)


def difference_to_benchmark(report: Report, canvas: Canvas) -> Html:
    """Return the cumulative difference and where it would stay without any skill."""
    charts = [_difference(model, report, canvas) for model in report.models]
    if not any(charts):
        return missing("No benchmark covers these eras.", _BENCHMARK_FILES)
    return join(
        [
            grid(charts),
            note(
                "CORR minus the benchmark's, added up over common eras. If both were "
                "equally good, the line would end in the band 95 % of the time; where "
                "it ends outside, the 95 % interval of the mean difference excludes "
                "zero."
            ),
        ]
    )


def _difference(model: ModelReport, report: Report, canvas: Canvas) -> Html | None:
    evaluation = model.evaluation
    other = (
        evaluation.row("CORR", evaluation.benchmark) if evaluation.benchmark else None
    )
    found = evaluation.versus_benchmark(model.corr)
    if other is None or found is None:
        return None
    eras, (own, theirs) = common_values([model.corr, other])
    if not len(eras):
        return None
    # A sum of n differences with the standard error of the mean, were the mean zero.
    counts = np.arange(1, len(eras) + 1)
    reach = (found.high - found.low) / 2 * np.sqrt(len(eras) * counts)
    series = [Series("difference", eras, (own - theirs).cumsum(), report.look(model))]
    if np.isfinite(reach).all():
        series.insert(
            0, Series("no difference, 95 %", eras, -reach, "band0", "band", reach)
        )
    title = titled(model, report, f"minus {evaluation.benchmark}, cumulative CORR")
    return canvas.plot(Plot(title, "era", series, spans_of(report)))
