"""Equal, shrunk and fitted weights on the same eras: is fitting worth it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from numerai_pipeline.evaluation.comparison import Pair, pairs_by
from numerai_pipeline.evaluation.ensembles.blended import Blends
from numerai_pipeline.evaluation.plots import draw_rows
from numerai_pipeline.evaluation.rows import ScoreRow
from numerai_pipeline.scoring import (
    MemberScores,
    Scores,
    Weighting,
    WeightStep,
    walk_forward,
)

_KINDS: tuple[Weighting, ...] = get_args(Weighting)


@dataclass(frozen=True, eq=False)
class Weighted:
    """The members blended by one kind of weights, each era by earlier eras' weights.

    Attributes:
        kind: how the weights were found.
        steps: the weights.
        scores: by metric: ``CORR``, and with a meta model ``MMC`` and ``payout``.
    """

    kind: Weighting
    steps: tuple[WeightStep, ...]
    scores: dict[str, Scores]


@dataclass(frozen=True, eq=False)
class WeightingComparison:
    """The kinds of weights beside each other.

    Attributes:
        weighted: equal, shrunk, fitted; all on the same eras.
        pairs: shrunk and fitted minus equal, by metric; the p-values of the two are
            adjusted by Holm's method.
    """

    weighted: tuple[Weighted, ...]
    pairs: tuple[Pair, ...]

    @property
    def advice(self) -> Weighting:
        """What to use: ``equal``, unless another earns clearly more.

        By payout where the meta model covers enough eras for an interval, else by
        CORR.
        """
        for metric in ("payout", "CORR"):
            pairs = [pair for pair in self.pairs if pair.metric == metric]
            if any(pair.verdict != "too few eras" for pair in pairs):
                return _best(pairs)
        return "equal"


def compare_weightings(
    blends: Blends,
    scores: MemberScores,
    starts: Sequence[int],
    *,
    purge: int,
    horizon: int,
) -> WeightingComparison:
    """Blend the members by each kind of weights, walk-forward, and compare.

    Args:
        blends: of the members.
        scores: ``member_scores`` of the same rows.
        starts: first eras of the stretches that get weights of their own, ascending.
        purge: eras between those that weights are learned from and their stretch.
        horizon: era numbers that the target looks ahead: 4 for 20 days, 12 for 60.

    Returns:
        The scores from the first stretch on whose weights are learned; of all
        stretches if there are too few eras to learn from, where all kinds are equal.
    """
    found = {
        kind: walk_forward(
            scores,
            kind,
            starts,
            purge=purge,
            corr_factor=blends.settings.payout_corr,
            mmc_factor=blends.settings.payout_mmc,
            horizon=horizon,
        )
        for kind in _KINDS
    }
    n_equal = sum(step.n_eras == 0 for step in found["fitted"])
    n_skipped = n_equal if n_equal < len(starts) else 0
    weighted = [
        Weighted(kind, steps, blends.scores(steps[n_skipped:]))
        for kind, steps in found.items()
    ]
    return WeightingComparison(tuple(weighted), tuple(_pairs(weighted, horizon)))


def draw_weightings(
    figure: Any, comparison: WeightingComparison, *, horizon: int
) -> None:
    """Draw the cumulative CORR of the kinds of weights.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        comparison: the kinds.
        horizon: eras that the target looks ahead.
    """
    rows = [
        ScoreRow(one.kind, "CORR", one.scores["CORR"], horizon)
        for one in comparison.weighted
    ]
    draw_rows(figure, rows)


def _pairs(weighted: Sequence[Weighted], horizon: int) -> list[Pair]:
    against_equal = [(kind, "equal") for kind in _KINDS if kind != "equal"]
    return [
        pair
        for metric in weighted[0].scores
        for pair in pairs_by(
            metric,
            {one.kind: one.scores[metric] for one in weighted},
            against_equal,
            horizon,
        )
    ]


def _best(pairs: Sequence[Pair]) -> Weighting:
    """Return the kind that is the most better than equal, or equal."""
    means: dict[Weighting, float] = {"equal": 0.0}
    for kind in _KINDS:
        for pair in pairs:
            if pair.first == kind and pair.verdict == "better":
                means[kind] = pair.difference.mean
    return max(means, key=lambda kind: means[kind])
