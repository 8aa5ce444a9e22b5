"""What comes out, first: a sentence per model, its warnings, and its main numbers."""

from numerai_pipeline.evaluation import Evaluation, ScoreRow
from numerai_pipeline.reports.inputs import ModelReport, Report
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.tables import scale_of, whisker
from numerai_pipeline.reports.words import counted_eras, interval, number, verdict

_ZERO = {
    "above": "clearly above zero",
    "below": "clearly below zero",
    "open": "not distinguishable from zero",
    "unknown": "too few eras for an interval",
}
_BENCHMARK = {
    "above": "clearly better than",
    "below": "clearly worse than",
    "open": "not distinguishable from",
    "unknown": "too few common eras to compare with",
}
_LOOKS = {"passed": "good", "not tested": "good", "warning": "open", "failed": "bad"}
# More of them would hide the verdict; `nai leak-check` prints all.
_MOST_FINDINGS = 5
_TILES = ("CORR", "MMC", "BMC", "FNC", "payout")


def verdict_section(report: Report, _: Canvas) -> Html:
    """Return the verdict on each model."""
    return join(_model(model, report) for model in report.models)


def _model(model: ModelReport, report: Report) -> Html:
    warnings = [
        *model.evaluation.warnings,
        *model.notes,
        *_findings(model),
        *_openings(model),
    ]
    return tag(
        "div",
        tag("ul", *(tag("li", each) for each in warnings), class_="warnings")
        if warnings
        else None,
        tag(
            "p",
            sentence(model.name, model.evaluation),
            class_=f"verdict {report.look(model)}",
        ),
        tag("p", *_badges(model), class_="badges"),
        _tiles(model.evaluation),
        class_="model",
    )


def sentence(name: str, evaluation: Evaluation) -> Html:
    """Return the verdict in a sentence, as far as the intervals allow one."""
    corr = evaluation.rows[0]
    found = corr.summary
    eras = counted_eras(found.n_eras).replace(" ", f" {evaluation.on} ", 1)
    if not found.n_eras:
        return join(
            [
                tag("b", name),
                f" has no score on any of the {evaluation.n_eras} {evaluation.on} "
                "eras.",
            ]
        )
    side = verdict(found.low, found.high)
    reach = (
        ""
        if side == "unknown"
        else f" (95 % interval {interval(found.low, found.high)})"
    )
    return join(
        [
            tag("b", name),
            f": CORR {number(found.mean)}{reach} on {eras}, ",
            tag("b", _ZERO[side]),
            _against(evaluation, corr),
        ]
    )


def _against(evaluation: Evaluation, corr: ScoreRow) -> Html:
    found = evaluation.versus_benchmark(corr)
    if found is None:
        return Html("; no benchmark was compared.")
    side, mean = verdict(found.low, found.high), number(found.mean, sign=True)
    reach = (
        "" if side == "unknown" else f", {interval(found.low, found.high, sign=True)}"
    )
    return join(
        [
            "; ",
            tag("b", _BENCHMARK[side]),
            f" {evaluation.benchmark} (difference {mean}{reach}).",
        ]
    )


def _findings(model: ModelReport) -> list[str]:
    checks = model.leaks.checks if model.leaks else ()
    found = [
        f"Leak check, {check.name}: {finding.says}"
        for check in checks
        for finding in check.findings
    ]
    more = len(found) - _MOST_FINDINGS
    return [*found[:_MOST_FINDINGS], *([f"{more} more findings"] if more > 0 else [])]


def _openings(model: ModelReport) -> list[str]:
    if not model.n_openings:
        return []
    times = "once" if model.n_openings == 1 else f"{model.n_openings} times"
    return [
        f"The lockbox was opened {times} so far; each time takes some of its worth."
    ]


def _badges(model: ModelReport) -> list[Html]:
    badges = _leak_badge(model)
    if model.evaluation.neutralized:
        badges.append(tag("span", model.evaluation.neutralized, class_="badge"))
    if model.trials is not None:
        badges.append(tag("span", model.trials.sentence, class_="badge"))
    return badges


def _leak_badge(model: ModelReport) -> list[Html]:
    found, evaluation = model.leaks, model.evaluation
    if found is None:
        badge = tag("span", "No leak check", class_="badge open")
        names = [evaluation.model]
        if model.weights:  # each member has one of its own
            names = [name.partition("@")[0] for name in model.weights.members]
        return [badge, tag("code", f"nai leak-check {' '.join(names)}")]
    words = found.sentence[:1].upper() + found.sentence[1:]
    badges = [tag("span", words, class_=f"badge {_LOOKS[found.state]}")]
    if found.folder != evaluation.folder:
        badges.append(tag("span", f"of the run {found.folder.name}", class_="aside"))
    if found.shards_fingerprint != evaluation.shards_fingerprint:
        badges.append(tag("span", "on other shards than these", class_="aside"))
    return badges


def _tiles(evaluation: Evaluation) -> Html:
    rows = [evaluation.row(metric) for metric in _TILES]
    shown = [row for row in rows if row is not None and row.summary.n_eras]
    tiles = [_tile(row) for row in shown]
    corr = evaluation.rows[0].summary
    tiles.append(
        _plain_tile(
            "Sharpe",
            number(corr.sharpe, 2),
            interval(corr.sharpe_low, corr.sharpe_high, 2)
            if corr.sharpe_low == corr.sharpe_low
            else _ZERO["unknown"],
        )
    )
    tiles.append(
        _plain_tile("max drawdown", number(corr.max_drawdown, 3), "of cumulative CORR")
    )
    return tag("div", *tiles, class_="tiles")


def _tile(row: ScoreRow) -> Html:
    found = row.summary
    has_interval = found.low == found.low
    scale = scale_of([found.low, found.high] if has_interval else [found.mean])
    return tag(
        "div",
        tag("span", "BMC" if row.metric == "BMC" else row.label, class_="name"),
        tag("span", number(found.mean), class_="big"),
        whisker(scale, found.mean, found.low, found.high) if has_interval else None,
        tag(
            "span",
            interval(found.low, found.high) if has_interval else _ZERO["unknown"],
            class_="small",
        ),
        class_="tile",
    )


def _plain_tile(name: str, big: str, small: str) -> Html:
    parts = (("name", name), ("big", big), ("small", small))
    return tag(
        "div",
        *(tag("span", words, class_=kind) for kind, words in parts),
        class_="tile",
    )
