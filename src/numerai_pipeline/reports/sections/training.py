"""How the models were trained, and what it takes to do it again."""

from collections.abc import Iterable, Mapping

import numpy as np

from numerai_pipeline.evaluation import EnsembleWeights
from numerai_pipeline.reports.inputs import ModelReport, Report
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.plots import Plot, Series
from numerai_pipeline.reports.scales import Floats
from numerai_pipeline.reports.sections.part import grid, missing, note, titled
from numerai_pipeline.reports.tables import facts, table
from numerai_pipeline.reports.words import number
from numerai_pipeline.training import COLUMNS, Chart


def training_curves(report: Report, canvas: Canvas) -> Html:
    """Return the curves of each model's training, one line per fold.

    An ensemble is not trained: it has the weights of its members in their place.
    """
    weights = [
        _weights(one.weights, titled(one, report, "weights of the members"))
        for one in report.models
        if one.weights
    ]
    charts = [
        chart for model in report.models for chart in _model(model, report, canvas)
    ]
    trained = [model for model in report.models if not model.weights]
    if trained and not charts:
        return missing(
            "No history of a training was found.", f"nai train {trained[0].name}"
        )
    if not charts:
        return join(weights)
    return join(
        [
            *weights,
            grid(charts),
            note(
                "Dots: the epoch, tree, penalty or window that was kept. Dashed: "
                "training rows, on which a model nearly always improves; validation "
                "rows choose."
            ),
        ]
    )


def _weights(found: EnsembleWeights, title: str) -> Html:
    """Return the weights of an ensemble, from which era on they hold."""
    steps = [
        step
        for step, last in zip(found.steps, (None, *found.steps), strict=False)
        if last is None or step.weights != last.weights
    ]
    rows = [
        (
            f"{step.start:04d}" if step.start else "the first",
            *(number(weight, 3) for weight in step.weights),
            number(step.n_eras, 0),
        )
        for step in steps
    ]
    learned = f", learned from {found.learned_from} eras {found.eras}"
    return join(
        [
            tag("h4", f"{title}: {found.kind}{learned if found.eras else ''}"),
            table(["from era", *found.members, "eras learned from"], rows),
            note(
                "Weights are learned from earlier eras only, a purge before those that "
                "they hold for; the last row predicts live data.",
            ),
        ]
    )


def _model(model: ModelReport, report: Report, canvas: Canvas) -> list[Html]:
    shown = [chart for chart in model.curves if chart.rows]
    panels = dict.fromkeys(
        COLUMNS[name].panel
        for chart in shown
        for name in chart.columns
        if COLUMNS[name].panel
    )
    return [_panel(model, report, canvas, shown, panel) for panel in panels]


def _panel(
    model: ModelReport, report: Report, canvas: Canvas, charts: list[Chart], panel: str
) -> Html:
    look, unit = report.look(model), charts[0].unit
    title = titled(model, report, f"{panel} by {unit}")
    if len(charts) == 1:
        series = _lines(charts[0], panel, look)
    else:
        title += ", one line per fold, the newest one darkest"
        series = [
            each
            for place, chart in enumerate(charts, 1)
            for each in _fold_line(chart, panel, look, place, len(charts))
        ]
    axis = "place in the list of penalties" if unit == "penalty" else unit
    plot = Plot(title, axis, series, height=200, has_zero=False, digits=5)
    return canvas.plot(plot)


def _lines(chart: Chart, panel: str, look: str) -> list[Series]:
    """Return the curves of a training, and the place that was kept."""
    found = []
    for name in chart.columns:
        curve = _curve(chart, name, panel)
        if curve is not None:
            of_training = "" if COLUMNS[name].better else " dashed"
            found.append(Series(name, *curve, look + of_training))
    return [*found, *_kept(chart, panel, look)]


def _fold_line(
    chart: Chart, panel: str, look: str, place: int, n_folds: int
) -> list[Series]:
    """Return what validation rows say of a fold; with training rows it is too much."""
    shade = look if place == n_folds else f"{look} soft"
    found = []
    for name in chart.columns:
        curve = _curve(chart, name, panel)
        if curve is not None and COLUMNS[name].better:
            found.append(Series(str(place), *curve, shade))
    return [*found, *_kept(chart, panel, shade)]


def _kept(chart: Chart, panel: str, look: str) -> list[Series]:
    curve = _curve(chart, chart.monitor, panel)
    if curve is None or chart.best is None:
        return []
    at = slice(chart.best, chart.best + 1)
    return [Series("", curve[0][at], curve[1][at], look, "dots")]


def _curve(chart: Chart, name: str, panel: str) -> tuple[Floats, Floats] | None:
    values = np.array(chart.column(name), float)
    if COLUMNS[name].panel != panel or not np.isfinite(values).any():
        return None
    return np.array([row.epoch for row in chart.rows], float), values


def provenance(report: Report, _: Canvas) -> Html:
    """Return what made the models, and the commands that make them again."""
    made = f"{report.made:%Y-%m-%d %H:%M} UTC by numerai-pipeline {report.version}"
    models = grid(_provenance(model) for model in report.models)
    return join([facts([("report made", made)]), models])


def _provenance(model: ModelReport) -> Html:
    evaluation = model.evaluation
    about = {
        **model.facts,
        "scored by": evaluation.target,
        "rows predicted": f"{evaluation.n_rows:,}",
        "purge": f"{evaluation.purge} eras; the targets need {evaluation.needed_purge}",
        "shards": evaluation.shards_fingerprint,
        "score": evaluation.fingerprint,
    }
    recipe = [f"{key} = {value}" for key, value in _flat(model.recipe)]
    return tag(
        "div",
        tag("h4", model.name),
        facts(about.items()),
        tag("details", tag("summary", "Recipe"), _lines_of(recipe)) if recipe else None,
        tag("p", "To get the same:"),
        _lines_of(model.commands),
        class_="model",
    )


def _flat(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Return the values of nested tables by their dotted keys."""
    found: list[tuple[str, object]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found


def _lines_of(lines: Iterable[str]) -> Html:
    return tag("pre", *(tag("span", line) for line in lines))
