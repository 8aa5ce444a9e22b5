"""What a stake would have earned."""

import math
from collections.abc import Sequence

import numpy as np

from numerai_pipeline.core import EvaluationSettings
from numerai_pipeline.reports.inputs import Report, Shown
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, join, tag
from numerai_pipeline.reports.sections.part import YEAR, missing, note, totals
from numerai_pipeline.reports.tables import named, table
from numerai_pipeline.reports.words import interval, number, percent
from numerai_pipeline.scoring import payout_per_era

# A payout this near to the clip is taken for clipped.
_ROUNDING = 1e-9

_HEADINGS = (
    "model",
    "mean per round",
    "95 % interval",
    "without the clip",
    f"per {YEAR} rounds",
    "worst round",
    "clipped",
    "drawdown",
    "eras",
)


def payout(report: Report, canvas: Canvas) -> Html:
    """Return the simulated payout of a constant stake."""
    shown = report.own("payout")
    if not shown:
        return missing(
            "No payout: it needs MMC, and the meta model covers none of these eras.",
            "nai download --meta",
        )
    shown += report.benchmark("payout")
    chart = totals(report, canvas, "Sum of payouts, as a share of the stake", shown)
    parts = {one.name: one for one in _parts(report, "CORR")}
    others = {one.name: one for one in _parts(report, "MMC")}
    rows = []
    for one in shown:
        pair = parts.get(one.name), others.get(one.name)
        rows.append(_row(one, _unclipped(pair, report.settings), report.settings))
    return join([chart, table(_HEADINGS, rows), _explanation(report.settings)])


def _explanation(settings: EvaluationSettings) -> Html:
    return note(
        f"Payout of a round: {settings.payout_factor:g} × ({settings.payout_corr:g} "
        f"CORR + {settings.payout_mmc:g} MMC), at most ±{settings.payout_clip:g} of "
        "the stake. The stake is the same in every round, with neither growth nor "
        "costs; rounds overlap for a month, so a real stake is spread over several. "
        "Where the clip bites often, a higher score earns nothing more."
    )


def _parts(report: Report, metric: str) -> Sequence[Shown]:
    return (*report.own(metric), *report.benchmark(metric))


def _unclipped(
    pair: tuple[Shown | None, Shown | None], settings: EvaluationSettings
) -> float:
    """Return the mean payout without its clip."""
    corr, mmc = pair
    if corr is None or mmc is None:
        return math.nan
    found = payout_per_era(
        corr.row.scores,
        mmc.row.scores,
        corr_multiplier=settings.payout_corr,
        mmc_multiplier=settings.payout_mmc,
        factor=settings.payout_factor,
        clip=math.inf,
    )
    return float(np.nanmean(found.values)) if len(found.defined.eras) else math.nan


def _row(shown: Shown, unclipped: float, settings: EvaluationSettings) -> list[str]:
    values, found = shown.row.scores.defined.values, shown.row.summary
    is_clipped = np.abs(values) >= settings.payout_clip - _ROUNDING
    return [
        named(shown.name, shown.look),
        tag("b", number(found.mean)),
        interval(found.low, found.high),
        number(unclipped),
        number(found.mean * YEAR, 2),
        number(float(values.min())),
        percent(float(is_clipped.mean())),
        number(found.max_drawdown, 3),
        str(found.n_eras),
    ]
