"""What a model leans on: exposure to features, and scores without them."""

from collections.abc import Mapping, Sequence

import numpy as np

from numerai_pipeline.evaluation import SweepPoint
from numerai_pipeline.reports.inputs import ModelReport, Report, Shown
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.plots import Plot, Series
from numerai_pipeline.reports.sections.part import (
    YEAR,
    grid,
    missing,
    note,
    running_mean,
    score_command,
    spans_of,
)
from numerai_pipeline.reports.tables import bars

_N_FEATURES = 12


def exposures(report: Report, canvas: Canvas) -> Html:
    """Return exposure by feature group, by feature, and over the eras."""
    models = [model for model in report.models if model.evaluation.features is not None]
    if not models:
        return missing(
            "No exposures: these scores were made without features.",
            score_command(report.models[0].evaluation, "--force"),
        )
    over_time = report.own("exposure")
    parts = [_model(model, report) for model in models]
    if over_time:
        series = [
            _over_time(one) for one in (*over_time, *report.benchmark("exposure"))
        ]
        is_smooth = len(over_time[0].row.scores.eras) > YEAR
        of_year = f", mean of {YEAR} eras" if is_smooth else ""
        title = f"Largest exposure to any feature{of_year}"
        plot = Plot(
            title, "era", series, spans_of(report), height=160, has_zero=False, digits=3
        )
        parts.append(canvas.plot(plot))
    return join(
        [
            *parts,
            note(
                "Exposure: Pearson's correlation of the raw predictions with a "
                "feature, mean of the eras. By group: the mean of its features' "
                "exposures without their signs. A model that leans on few features "
                "loses when they turn."
            ),
        ]
    )


def _over_time(shown: Shown) -> Series:
    kept = shown.row.scores.defined
    eras = kept.eras.astype(float)
    means = running_mean(eras, kept.values)
    values = means if np.isfinite(means).any() else kept.values
    return Series(shown.name, eras, values, shown.look)


def _model(model: ModelReport, report: Report) -> Html:
    found = model.evaluation.features
    exposures = {} if found is None else found.exposures
    known = {name: value for name, value in exposures.items() if value == value}
    top = sorted(known.items(), key=lambda one: -abs(one[1]))[:_N_FEATURES]
    groups = by_group(known, model.groups)
    look = report.look(model)
    parts = [
        bars("by group, mean size", groups, look)
        if groups
        else note(
            "No groups: features.json is not there; `nai download --features` brings "
            "it."
        ),
        bars(f"largest {len(top)} of {len(known)} features", top, look),
    ]
    return tag("div", tag("h4", model.name), grid(parts), class_="model")


def by_group(
    known: Mapping[str, float], groups: Mapping[str, Sequence[str]]
) -> list[tuple[str, float]]:
    """Return the mean size of the exposures of each group, the largest first."""
    sizes = {
        group: [abs(known[name]) for name in members if name in known]
        for group, members in groups.items()
    }
    means = [(group, float(np.mean(each))) for group, each in sizes.items() if each]
    return sorted(means, key=lambda one: -one[1])


def sweep(report: Report, canvas: Canvas) -> Html:
    """Return CORR and exposure by proportion of neutralization."""
    models = [
        (model, found.sweep)
        for model in report.models
        if (found := model.evaluation.features) is not None and found.sweep
    ]
    if not models:
        return missing(
            "No sweep: these scores were made without features.",
            score_command(report.models[0].evaluation, "--force"),
        )
    corr = [each for one, points in models for each in _band(points, one, report)]
    exposure = [_exposure(points, model, report) for model, points in models]
    about = "Mean CORR by proportion, with its 95 % interval"
    plots = (
        Plot(about, "proportion", corr, height=200),
        Plot(
            "Largest exposure by proportion",
            "proportion",
            exposure,
            height=200,
            digits=3,
        ),
    )
    return join(
        [
            grid(canvas.plot(plot) for plot in plots),
            note(
                "A proportion of the part of the predictions that features explain "
                "linearly is taken out of them; 1 takes all of it. A proportion that "
                "is chosen on these eras makes their score too good."
            ),
        ]
    )


def _exposure(
    points: Sequence[SweepPoint], model: ModelReport, report: Report
) -> Series:
    x = np.array([point.proportion for point in points])
    values = np.array([point.exposure for point in points])
    return Series(model.name, x, values, report.look(model))


def _band(
    points: Sequence[SweepPoint], model: ModelReport, report: Report
) -> list[Series]:
    look = report.look(model)
    found = [point.corr.summary(horizon=model.corr.horizon) for point in points]
    x = np.array([point.proportion for point in points])
    means, low, high = (
        np.array([getattr(one, end) for one in found])
        for end in ("mean", "low", "high")
    )
    return [Series("", x, low, look, "band", high), Series(model.name, x, means, look)]
