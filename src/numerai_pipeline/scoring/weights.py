"""What weights the members of an ensemble earn, learned from earlier eras only.

The mean of a blend's per-era score is w'mu / sqrt(w'Cw), where mu are the members' mean
scores and C is the correlation of their gaussianized predictions: the Sharpe ratio of
a portfolio. The best weights are those of the tangency portfolio, w ~ C^-1 mu.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring.eras import Doubles, Integers
from numerai_pipeline.scoring.intervals import mean_error
from numerai_pipeline.scoring.members import MemberScores
from numerai_pipeline.scoring.scores import Scores

Weighting = Literal["equal", "shrunk", "fitted"]

# So many horizons of eras, 80 or 240, are the least that weights are learned from. Then
# shrunk weights lose 1 % to equal ones where five members are nearly alike, and gain
# 6 % where they are not; with 8 horizons they lose 2 % and gain 2 %: docs/ensembles.md.
LEAST_HORIZONS_OF_WEIGHTS = 20

# Added to the diagonal of C. Members that correlate above about 0.99 are copies: the
# difference of their scores is noise, which C^-1 would blow up; so they share a weight.
_COPIES = 0.01


@dataclass(frozen=True)
class WeightStep:
    """Weights that hold from an era on, until the next step.

    Attributes:
        start: first era that they hold for.
        weights: one per member, not negative, sum 1.
        n_eras: eras that they were learned from; 0 where they are equal by rule.
    """

    start: int
    weights: tuple[float, ...]
    n_eras: int


def weights_of(
    scores: MemberScores,
    kind: Weighting,
    *,
    corr_factor: float,
    mmc_factor: float,
    horizon: int,
) -> Doubles:
    """Return the weights that the members earned in some eras.

    Args:
        scores: of the eras to learn from.
        kind: ``equal``; ``fitted``, the tangency portfolio of the mean scores;
            ``shrunk``, the same after moving the mean scores towards each other, by as
            much as their differences may be noise.
        corr_factor: multiplier of CORR in the payout.
        mmc_factor: multiplier of MMC. MMC counts by its mean over the eras that the
            meta model covers, and not at all while these are too few.
        horizon: era numbers that the target looks ahead: 4 for 20 days, 12 for 60.

    Returns:
        ``(k,)`` float64, not negative, sum 1. Equal below twenty horizons of eras, and
        where no member has a mean score above 0.
    """
    equal = np.full(scores.n_members, 1 / scores.n_members)
    if kind == "equal" or not _is_enough(scores.eras, horizon):
        return equal
    earned = _earned(scores, corr_factor, mmc_factor, horizon)
    means: Doubles = earned.mean(axis=0)
    if kind == "shrunk":
        apart = Scores(scores.eras, means).horizon_in_scores(horizon)
        means = means.mean() + _reliability(earned, apart) * (means - means.mean())
    found = _tangency(scores.similarity.mean(axis=0), means)
    return found / found.sum() if found.sum() > 0 else equal


def walk_forward(
    scores: MemberScores,
    kind: Weighting,
    starts: Sequence[int],
    *,
    purge: int,
    corr_factor: float,
    mmc_factor: float,
    horizon: int,
) -> tuple[WeightStep, ...]:
    """Return weights for each stretch of eras, learned from earlier eras only.

    Args:
        scores: of all eras.
        kind: as in ``weights_of``.
        starts: the first era of each stretch, ascending.
        purge: eras between the last one learned from and the first one of a stretch.
        corr_factor: as in ``weights_of``.
        mmc_factor: as in ``weights_of``.
        horizon: as in ``weights_of``.

    Returns:
        A step per start: the one at era s is learned from eras below ``s - purge``.
    """
    steps = []
    for start in starts:
        known = scores.before(start - purge)
        weights = weights_of(
            known,
            kind,
            corr_factor=corr_factor,
            mmc_factor=mmc_factor,
            horizon=horizon,
        )
        is_learned = kind != "equal" and _is_enough(known.eras, horizon)
        n_eras = len(known.eras) if is_learned else 0
        steps.append(WeightStep(start, tuple(weights.tolist()), n_eras))
    return tuple(steps)


def step_of(steps: Sequence[WeightStep], era: int) -> WeightStep:
    """Return the step whose weights hold for an era.

    Args:
        steps: ascending by their start.
        era: the era.

    Raises:
        DataError: if it is before the first step.

    >>> steps = [WeightStep(1, (0.5, 0.5), 0), WeightStep(157, (0.8, 0.2), 148)]
    >>> step_of(steps, 156).start, step_of(steps, 157).start
    (1, 157)
    """
    place = bisect_right([step.start for step in steps], era) - 1
    if place < 0:
        first = f"from era {steps[0].start} on" if steps else "nowhere"
        raise DataError(
            f"era {era} has no weights, which hold {first}. Choose later eras."
        )
    return steps[place]


def _is_enough(eras: Integers, horizon: int) -> bool:
    apart = Scores(eras, np.zeros(len(eras))).horizon_in_scores(horizon)
    return len(eras) >= LEAST_HORIZONS_OF_WEIGHTS * apart


def _earned(
    scores: MemberScores, corr_factor: float, mmc_factor: float, horizon: int
) -> Doubles:
    """Return ``(n, k)`` whose means are the members' mean payouts before the clip.

    Where MMC is known for a part of the eras, its deviations from its mean are scaled
    up there and 0 elsewhere. So the mean of a column is corr_factor * (mean CORR) +
    mmc_factor * (mean MMC where known), and the standard error of the column's mean is
    that of this sum.
    """
    # A member that predicts all rows of an era alike earns nothing there.
    earned = corr_factor * np.nan_to_num(scores.corr)
    is_covered = ~np.isnan(scores.mmc).any(axis=1)
    if not _is_enough(scores.eras[is_covered], horizon):
        return earned
    known = scores.mmc[is_covered]
    mean = known.mean(axis=0)
    earned += mmc_factor * mean
    earned[is_covered] += mmc_factor / is_covered.mean() * (known - mean)
    return earned


def _reliability(earned: Doubles, horizon: int) -> float:
    """Return which share of the variance of the mean scores is not noise.

    a = s^2 / (s^2 + LRV/n): s^2 is the variance of the members' true means, LRV/n the
    squared standard error of what a member's mean differs from the mean of all by. The
    variance of the observed means estimates the denominator.

    Args:
        earned: ``(n, k)``.
        horizon: scores that the target looks ahead.
    """
    n_members = earned.shape[1]
    if n_members < 2:
        return 0.0
    apart = earned - earned.mean(axis=1, keepdims=True)
    errors = np.array([mean_error(column, horizon).error for column in apart.T])
    noise = float((errors**2).sum()) / (n_members - 1)
    observed = float(apart.mean(axis=0).var(ddof=1))
    return max(0.0, 1 - noise / observed) if observed > 0 else 0.0


def _tangency(similarity: Doubles, means: Doubles) -> Doubles:
    """Return the weights, of any sum, that maximise w'means / sqrt(w'Cw), w >= 0.

    They minimise |L'w - L^-1 means| for C = LL': w'Cw - 2 w'means, and a constant.
    All are 0 where no mean is above 0.
    """
    # Another 0.1 s at the start of each command that scores.
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    factor = np.linalg.cholesky(similarity + _COPIES * np.eye(len(means)))
    found: Doubles = nnls(factor.T, solve_triangular(factor, means, lower=True))[0]
    return found
