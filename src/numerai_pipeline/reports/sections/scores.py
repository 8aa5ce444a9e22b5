"""The score table: every metric with its interval, beside benchmark and meta model."""

from collections.abc import Sequence

from numerai_pipeline.evaluation import Evaluation
from numerai_pipeline.reports.inputs import Report, Shown
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.sections.part import note
from numerai_pipeline.reports.tables import named, scale_of, table, whisker
from numerai_pipeline.reports.words import interval, number, verdict

_HEADINGS = (
    "model",
    "mean",
    "95 % interval",
    "",
    "minus benchmark",
    "std",
    "Sharpe",
    "drawdown",
    "eras",
    "effective",
)
# Neither gains nor losses: their Sharpe ratio and drawdown mean nothing.
_NO_RETURNS = ("exposure", "CWMM", "similarity")

# The order of the groups, and who comes last in each.
_ORDER = ("CORR", "MMC", "BMC", "FNC", "payout", "CWMM", "exposure", "similarity")
_LAST = {"reference": 1, "meta": 2}

# A score with the evaluation that it comes from.
Owned = tuple[Evaluation, Shown]


def score_table(report: Report, _: Canvas) -> Html:
    """Return all scores, by metric: the models, then benchmark and meta model."""
    main, others = _split(report)
    shown = [_table(main)]
    if others:
        title = f"All benchmarks: {len(others)} scores"
        shown.append(tag("details", tag("summary", title), _table(others)))
    return join([*shown, _explanation(report)])


def _explanation(report: Report) -> Html:
    benchmark = report.models[0].evaluation.benchmark
    against = (
        f" The mean difference to {benchmark} is that on common eras, with its 95 % "
        "interval; it is coloured where that excludes zero."
    )
    return note(
        "Means over eras. Intervals allow for the returns that neighbouring eras "
        "share; “effective” is how many independent eras these are worth. Payout is a "
        "share of the stake per round, exposure the largest to any feature.",
        against if benchmark else None,
    )


def _split(report: Report) -> tuple[list[Owned], list[Owned]]:
    """Return the rows of the main table, and those about the other benchmarks."""
    main: dict[tuple[str, str], Owned] = {}
    others: dict[tuple[str, str], Owned] = {}
    for model in report.models:
        evaluation = model.evaluation
        for row in evaluation.rows:
            if not row.summary.n_eras:
                continue
            is_own = row.who == evaluation.model
            name = model.name if is_own else row.who
            look = report.look(model) if is_own else _look(evaluation, row.who)
            known = {evaluation.model, evaluation.benchmark, evaluation.meta_model}
            is_of_other = (
                row.metric in ("BMC", "similarity") and row.of != evaluation.benchmark
            )
            place = others if row.who not in known or is_of_other else main
            place.setdefault((name, row.label), (evaluation, Shown(name, row, look)))
    return list(main.values()), list(others.values())


def _look(evaluation: Evaluation, who: str) -> str:
    return "meta" if who == evaluation.meta_model else "reference"


def _table(rows: Sequence[Owned]) -> Html:
    groups: dict[str, list[Owned]] = {}
    for owner, shown in rows:
        groups.setdefault(shown.row.label, []).append((owner, shown))
    lines: list[Html | list[str]] = []
    for label, members in sorted(groups.items(), key=_place_of_group):
        members.sort(key=lambda one: _LAST.get(one[1].look, 0))
        lines.append(_group(label))
        lines += _rows(members)
    return table(_HEADINGS, lines, class_="scores")


def _place_of_group(group: tuple[str, list[Owned]]) -> int:
    return _ORDER.index(group[1][0][1].row.metric)


def _group(label: str) -> Html:
    cell = tag("th", label, colspan=len(_HEADINGS), scope="rowgroup", class_="text")
    return tag("tr", cell, class_="group")


def _rows(members: Sequence[Owned]) -> list[list[str]]:
    found = [shown.row.summary for _, shown in members]
    ends = [end for one in found for end in (one.low, one.high, one.mean)]
    scale = scale_of(end for end in ends if end == end)
    lines = []
    for (owner, shown), one in zip(members, found, strict=True):
        has_returns = shown.row.metric not in _NO_RETURNS
        lines.append(
            [
                named(shown.name, shown.look),
                tag("b", number(one.mean)),
                interval(one.low, one.high),
                whisker(scale, one.mean, one.low, one.high, shown.look),
                _versus(owner, shown),
                number(one.std),
                _sharpe(one.sharpe, one.sharpe_low, one.sharpe_high)
                if has_returns
                else "–",
                number(one.max_drawdown, 3) if has_returns else "–",
                str(one.n_eras),
                number(one.n_effective, 0),
            ]
        )
    return lines


def _sharpe(ratio: float, low: float, high: float) -> Html:
    return join([number(ratio, 2), _small(interval(low, high, 2))])


def _versus(owner: Evaluation, shown: Shown) -> Html:
    found = owner.versus_benchmark(shown.row)
    if found is None:
        return Html("–")
    # A larger exposure is not better.
    side = "open" if shown.row.metric == "exposure" else verdict(found.low, found.high)
    mean = tag("span", number(found.mean, sign=True), class_=f"versus {side}")
    return join([mean, _small(interval(found.low, found.high))])


def _small(words: str) -> Html:
    return tag("small", f" {words}") if words != "–" else Html("")
