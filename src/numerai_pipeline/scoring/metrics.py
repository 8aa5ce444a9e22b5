"""CORR, contribution (MMC, BMC), CWMM, churn, similarity and payout, era by era.

The definition is the package numerai-tools. These functions return its numbers to
1e-12, on arrays in any order instead of one indexed frame per era.
"""

import math
from collections.abc import Callable

import numpy as np

from numerai_pipeline.scoring.eras import (
    MIN_ROWS,
    Doubles,
    Floats,
    Integers,
    check_lengths,
    is_known,
    is_predicted,
    rows_by_era,
)
from numerai_pipeline.scoring.ranks import gaussian_ranks, power_1_5, ranks_of_era
from numerai_pipeline.scoring.scores import Scores


def corr_per_era(
    predictions: Floats,
    targets: Floats,
    eras: Integers,
    *,
    allow_missing: bool = False,
) -> Scores:
    """Score predictions against targets, one CORR per era.

    Ranks (ties keep their mean rank), gaussianizes and raises the predictions to the
    power 1.5 with their sign, centres the targets by their mean and raises them to
    the same power, and takes Pearson's correlation of the two.

    Args:
        predictions: ``(rows,)`` float, finite, any scale; ranked within each era.
        targets: ``(rows,)`` float; rows without a target (NaN) are dropped.
        eras: ``(rows,)`` integers, in any order.
        allow_missing: drop rows whose prediction is NaN, instead of raising an error.
            Their targets still count for the mean by which the targets are centred.

    Returns:
        One CORR per era, NaN where all predictions or all targets of an era are equal.

    Raises:
        DataError: if an era has fewer than two rows with a target and a prediction, a
            prediction or a target is infinite, a prediction is NaN without
            ``allow_missing``, or the lengths differ.

    Source: ``numerai_corr`` of numerai-tools, which also refuses an era where more
    than a fifth of the rows are dropped; here the remaining rows are scored.

    >>> scores = corr_per_era(
    ...     np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1]),
    ...     np.array([0.0, 0.5, 1.0, 0.0, 0.5, 1.0]),
    ...     np.array([1, 1, 1, 2, 2, 2]),
    ... )
    >>> scores.eras.tolist(), scores.values.round(6).tolist()
    ([1, 2], [1.0, -1.0])
    """
    check_lengths(eras, predictions=predictions, targets=targets)
    has_target = is_known(targets, eras, "targets")
    has_both = has_target & is_predicted(predictions, eras, allow_missing=allow_missing)
    what = "a target and a prediction" if allow_missing else "a target"
    groups = list(rows_by_era(eras, has_both, what))
    values = [corr_of_era(predictions[rows], targets[rows]) for _, rows, _ in groups]
    return Scores(np.array([era for era, _, _ in groups]), np.array(values))


def corr_of_era(predictions: Floats, targets: Floats) -> float:
    """Return the CORR of one era, as ``corr_per_era`` does.

    Args:
        predictions: ``(rows,)`` float; rows without a prediction (NaN) are dropped.
        targets: ``(rows,)`` float; rows without a target (NaN) are dropped.

    Returns:
        NaN where all predictions or all targets are equal, or fewer than two rows have
        both.
    """
    has_target = ~np.isnan(targets)
    kept = has_target & ~np.isnan(predictions)
    if kept.sum() < MIN_ROWS:
        return math.nan
    # numerai-tools centres the targets before it drops rows without a prediction.
    mean = targets[has_target].mean(dtype=np.float64)
    scored, centred = predictions[kept], targets[kept] - mean
    # The centred values of equal targets can be rounding errors instead of 0.
    if np.ptp(scored) == 0 or np.ptp(centred) == 0:
        return math.nan
    # CORR has no scale, but the squares of tiny targets would round to 0.
    wanted = power_1_5(centred / np.abs(centred).max())
    return pearson(power_1_5(gaussian_ranks(scored)), wanted)


def pearson(one: Doubles, other: Doubles) -> float:
    """Return the correlation of two ``(rows,)``; NaN where the values of one are equal.

    >>> pearson(np.array([1.0, 2.0, 4.0]), np.array([3.0, 2.0, 0.0]))
    -1.0
    """
    left, right = one - one.mean(), other - other.mean()
    norm = math.sqrt(float(left @ left) * float(right @ right))
    # Values that differ by less than the rounding of their mean are equal.
    return max(-1.0, min(1.0, float(left @ right) / norm)) if norm > 0 else math.nan


def contribution_per_era(
    predictions: Floats,
    reference: Floats,
    targets: Floats,
    eras: Integers,
    *,
    allow_missing: bool = False,
) -> Scores:
    """Score what predictions add to a reference, one contribution per era.

    Against the meta model this is MMC, against a benchmark model BMC: the covariance
    of the centred target with that part of the ranked and gaussianized predictions
    which is orthogonal to the reference. Targets within [0, 1] are multiplied by 4.

    Args:
        predictions: ``(rows,)`` float, finite, any scale; ranked within each era.
        reference: ``(rows,)`` float, any scale; NaN where the reference has no row.
        targets: ``(rows,)`` float, NaN where a row has no target. Rows without
            reference or target are dropped before ranking and centring.
        eras: ``(rows,)`` integers, in any order.
        allow_missing: drop rows whose prediction is NaN, instead of raising an error.

    Returns:
        One contribution per era: 0 where all predictions of an era are equal, NaN where
        all values of the reference are.

    Raises:
        DataError: if an era has fewer than two rows with both reference and target,
            a prediction is NaN without ``allow_missing``, a value is infinite, or the
            lengths differ.

    Source: ``correlation_contribution`` of numerai-tools, which also refuses an era
    where more than a fifth of the rows are dropped.
    """
    check_lengths(eras, predictions=predictions, reference=reference, targets=targets)
    has_all = (
        is_predicted(predictions, eras, allow_missing=allow_missing)
        & is_known(targets, eras, "targets")
        & is_known(reference, eras, "values of the reference")
    )
    what = "a target and a reference"
    groups = list(rows_by_era(eras, has_all, what))
    values = [
        _contribution(predictions[kept], reference[kept], targets[kept])
        for _, _, kept in groups
    ]
    return Scores(np.array([era for era, _, _ in groups]), np.array(values))


def _contribution(predictions: Floats, reference: Floats, targets: Floats) -> float:
    if np.ptp(reference) == 0:
        return math.nan
    scored, known = gaussian_ranks(predictions), gaussian_ranks(reference)
    scored -= known * (float(scored @ known) / float(known @ known))
    is_unit = targets.min() >= 0 and targets.max() <= 1
    wanted = targets.astype(np.float64) * (4 if is_unit else 1)
    wanted -= wanted.mean()
    return float(wanted @ scored) / len(wanted)


def cwmm_per_era(predictions: Floats, meta_model: Floats, eras: Integers) -> Scores:
    """Correlate predictions with the meta model, one CWMM per era.

    Args:
        predictions: ``(rows,)`` float, any scale; ranked within each era,
            gaussianized and raised to the power 1.5 with their sign.
        meta_model: ``(rows,)`` float, taken as it is.
        eras: ``(rows,)`` integers, in any order. Rows where predictions or meta model
            are NaN are dropped before ranking.

    Returns:
        One Pearson correlation per era, NaN where all values of either are equal.

    Raises:
        DataError: if an era has fewer than two rows with both, a value is infinite, or
            the lengths differ.

    Source: Numerai's documentation; numerai-tools has no function for it.
    """
    return _paired(
        predictions,
        meta_model,
        eras,
        lambda scored, known: pearson(
            power_1_5(gaussian_ranks(scored)), known.astype(np.float64)
        ),
    )


def churn_per_era(one: Floats, other: Floats, eras: Integers) -> Scores:
    """Measure how differently two models rank the same rows: 1 - Spearman per era.

    Args:
        one: ``(rows,)`` float predictions, any scale.
        other: ``(rows,)`` float predictions of another model for the same rows.
        eras: ``(rows,)`` integers, in any order. Rows where one of them is NaN are
            dropped before ranking.

    Returns:
        One churn per era: 0 for the same order, 2 for the reverse, NaN where all
        values of either are equal.

    Raises:
        DataError: as ``cwmm_per_era``.
    """
    return _paired(
        one,
        other,
        eras,
        lambda left, right: 1 - pearson(ranks_of_era(left), ranks_of_era(right)),
    )


def similarity_per_era(one: Floats, other: Floats, eras: Integers) -> Scores:
    """Correlate the gaussianized ranks of two models, one Pearson correlation per era.

    Args:
        one: ``(rows,)`` float predictions, any scale.
        other: ``(rows,)`` float predictions of another model for the same rows.
        eras: ``(rows,)`` integers, in any order. Rows where one of them is NaN are
            dropped before ranking.

    Returns:
        One correlation per era, NaN where all values of either are equal.

    Raises:
        DataError: as ``cwmm_per_era``.
    """
    return _paired(
        one,
        other,
        eras,
        lambda left, right: pearson(gaussian_ranks(left), gaussian_ranks(right)),
    )


def payout_per_era(
    corr: Scores,
    mmc: Scores,
    *,
    corr_multiplier: float,
    mmc_multiplier: float,
    factor: float,
    clip: float,
) -> Scores:
    """Return what a stake would have earned, per era, as a share of the stake.

    Args:
        corr: CORR against the 20-day target.
        mmc: MMC against the same target.
        corr_multiplier: share of CORR in the payout of a round.
        mmc_multiplier: share of MMC in the payout of a round.
        factor: payout factor of the round, which falls as the stakes rise.
        clip: most that a round pays or burns, such as 0.05.

    Returns:
        ``clip(factor * (corr_multiplier * corr + mmc_multiplier * mmc), -clip, clip)``
        for the eras of both, NaN where one of them is.

    Source: Numerai's documentation, "staking".

    >>> one = Scores(np.array([1, 2]), np.array([0.02, -0.3]))
    >>> payout_per_era(
    ...     one, one, corr_multiplier=0.5, mmc_multiplier=2, factor=0.2, clip=0.05
    ... ).values
    array([ 0.01, -0.05])
    """
    eras, of_corr, of_mmc = np.intersect1d(corr.eras, mmc.eras, return_indices=True)
    earned = factor * (
        corr_multiplier * corr.values[of_corr] + mmc_multiplier * mmc.values[of_mmc]
    )
    return Scores(eras, np.clip(earned, -clip, clip))


def _paired(
    one: Floats,
    other: Floats,
    eras: Integers,
    score: Callable[[Floats, Floats], float],
) -> Scores:
    """Score the rows of each era that have both; NaN where those of one are equal."""
    check_lengths(eras, predictions=one, others=other)
    has_both = is_known(one, eras, "predictions") & is_known(other, eras, "others")
    found: dict[int, float] = {}
    for era, _, kept in rows_by_era(eras, has_both, "both predictions"):
        left, right = one[kept], other[kept]
        is_equal = np.ptp(left) == 0 or np.ptp(right) == 0
        found[era] = math.nan if is_equal else score(left, right)
    return Scores(np.array(list(found)), np.array(list(found.values())))
