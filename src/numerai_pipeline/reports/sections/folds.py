"""Where the scores come from: each fold, and the distance from training."""

import math
from collections.abc import Sequence

import numpy as np

from numerai_pipeline.data import Fold
from numerai_pipeline.reports.inputs import ModelReport, Report
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.scales import Scale
from numerai_pipeline.reports.sections.part import grid, missing, note, scored_folds
from numerai_pipeline.reports.tables import scale_of, table, whisker
from numerai_pipeline.reports.words import interval, number
from numerai_pipeline.scoring import Scores, Summary

# Eras: the purge, then up to a quarter, half a year, one year, two years, three years.
_DISTANCES = (13, 26, 52, 104, 156)
# Pixels of a fold in their picture.
_ROW = 20
_PARTS = {
    "train": "learned from",
    "validation": "chose the epoch",
    "test": "predicted",
}


def by_fold(report: Report, _: Canvas) -> Html:
    """Return the folds as a picture, and CORR by fold and by distance."""
    models = [model for model in report.models if scored_folds(model.evaluation)]
    if not models:
        return missing("No era was scored.", f"nai backtest {report.models[0].name}")
    return join(
        [
            *(_model(model, report) for model in models),
            note(
                "Distance: eras between a test era and the nearest era that its "
                "fold's model learned from or was chosen on. Scores that fall with "
                "the distance can mean that the market moves on, or that the nearest "
                "eras leak; ",
                tag("code", "nai leak-check"),
                " separates the two.",
            ),
        ]
    )


def _model(model: ModelReport, report: Report) -> Html:
    folds = scored_folds(model.evaluation)
    look = report.look(model)
    rows = [
        (_fold_name(place, fold), _within(model, fold.test))
        for place, fold in enumerate(folds, 1)
    ]
    return tag(
        "div",
        tag("h4", model.name),
        _picture(folds) if _is_first(model, report) else None,
        grid(
            [
                _table("By fold", "fold, test eras", rows, look),
                _table("By distance", "eras apart", _by_distance(model, folds), look),
            ]
        ),
        class_="model",
    )


def _is_first(model: ModelReport, report: Report) -> bool:
    """Return whether no model before it has the same folds."""
    place = report.models.index(model)
    folds = model.evaluation.folds
    return all(folds != other.evaluation.folds for other in report.models[:place])


def _fold_name(place: int, fold: Fold) -> str:
    return f"{place}: {fold.test[0]:04d}–{fold.test[-1]:04d}"


def _within(model: ModelReport, eras: Sequence[int]) -> Summary:
    scores = model.corr.scores
    is_in = np.isin(scores.eras, eras)
    kept = Scores(scores.eras[is_in], scores.values[is_in])
    return kept.summary(horizon=model.corr.horizon)


def _by_distance(
    model: ModelReport, folds: Sequence[Fold]
) -> list[tuple[str, Summary]]:
    distances = {era: distance for fold in folds for era, distance in _distances(fold)}
    found, low = [], 0
    for high in (*_DISTANCES, math.inf):
        eras = [era for era, distance in distances.items() if low < distance <= high]
        name = f"{low + 1} to {high}" if math.isfinite(high) else f"more than {low}"
        if eras:
            found.append((name, _within(model, eras)))
        low = int(high) if math.isfinite(high) else low
    return found


def _distances(fold: Fold) -> list[tuple[int, int]]:
    seen = np.array(sorted({*fold.train, *fold.validation}))
    test = np.array(fold.test)
    at = np.searchsorted(seen, test)
    before = test - seen[np.maximum(at - 1, 0)]
    after = seen[np.minimum(at, len(seen) - 1)] - test
    nearest = np.where(
        before < 0, after, np.where(after < 0, before, np.minimum(before, after))
    )
    return list(zip(test.tolist(), nearest.tolist(), strict=True))


def _table(
    title: str, heading: str, rows: Sequence[tuple[str, Summary]], look: str
) -> Html:
    ends = [end for _, one in rows for end in (one.mean, one.low, one.high)]
    scale = scale_of(end for end in ends if end == end)
    body = table(
        (heading, "CORR", "95 % interval", "", "Sharpe", "eras"),
        [
            (
                name,
                tag("b", number(one.mean)),
                interval(one.low, one.high),
                whisker(scale, one.mean, one.low, one.high, look),
                number(one.sharpe, 2),
                str(one.n_eras),
            )
            for name, one in rows
        ],
    )
    return tag("div", tag("h4", title), body)


def _picture(folds: Sequence[Fold]) -> Html:
    """Draw what each fold learned from, was chosen on, and predicted."""
    eras = [
        era for fold in folds for era in (*fold.train, *fold.validation, *fold.test)
    ]
    scale = Scale(min(eras) - 0.5, max(eras) + 0.5)
    parts: list[Html] = []
    for place, fold in enumerate(folds):
        top = place * _ROW + 3
        parts.append(tag("text", str(place + 1), x=-8, y=top + 11, class_="up"))
        for kind in _PARTS:
            parts += [
                _block(scale, low, high, top, kind)
                for low, high in _runs(getattr(fold, kind))
            ]
    height = len(folds) * _ROW + 4
    for tick in scale.ticks(6):
        parts.append(
            tag(
                "text",
                f"{tick:.0f}",
                x=f"{scale.share(tick):.2%}",
                y=height + 13,
                class_="across middle",
            )
        )
    picture = tag(
        "svg",
        *parts,
        class_="plot folds",
        height=height,
        role="img",
        aria_label="eras of each fold",
    )
    names = (
        tag("li", tag("i", class_=f"swatch block {kind}"), words)
        for kind, words in _PARTS.items()
    )
    legend = tag("ul", *names, class_="legend")
    title = tag("figcaption", "Eras of each fold")
    return tag("figure", title, legend, picture, class_="chart")


def _block(scale: Scale, low: int, high: int, top: int, kind: str) -> Html:
    left, right = scale.share(low - 0.5), scale.share(high + 0.5)
    return tag(
        "rect",
        x=f"{left:.2%}",
        width=f"{right - left:.2%}",
        y=top,
        height=_ROW - 6,
        class_=kind,
    )


def _runs(eras: Sequence[int]) -> list[tuple[int, int]]:
    """Return first and last of the eras, in pieces where there is a wide gap."""
    if not eras:
        return []
    steps = np.diff(eras)
    # Every Nth era is one piece; what is wider than twice the usual step is a gap.
    cuts = np.flatnonzero(steps > 2 * (np.median(steps) if len(steps) else 1)) + 1
    pieces = np.split(np.array(eras), cuts)
    return [(int(piece[0]), int(piece[-1])) for piece in pieces]
