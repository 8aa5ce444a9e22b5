"""How much of the best of many trials is luck: PSR, deflated Sharpe ratio, PBO."""

import math
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring.eras import Doubles, Floats, Integers
from numerai_pipeline.scoring.intervals import (
    defined,
    sharpe,
    sharpe_error,
)

# A variance below this share of the mean square is the rounding of equal scores.
_NO_VARIANCE = 1e-12


def probabilistic_sharpe(
    values: Floats, threshold: float = 0.0, *, horizon: int
) -> float:
    """Return the probability that the true Sharpe ratio is above a threshold.

    Args:
        values: ``(n_eras,)`` scores per era, ascending eras; NaN is left out.
        threshold: Sharpe ratio per era.
        horizon: scores that the target looks ahead, as in ``mean_interval``; 1 for
            independent scores.

    Returns:
        In [0, 1]; NaN below eight horizons of values or where they are equal.

    Source: Bailey and Lopez de Prado, The Sharpe Ratio Efficient Frontier, Journal of
    Risk 2012, with the effective number of scores in place of n.
    """
    kept = defined(values)
    return float(ndtr((sharpe(kept) - threshold) / sharpe_error(kept, horizon)))


def expected_best_sharpe(spread: float, n_trials: int) -> float:
    """Return the Sharpe ratio that the best of many trials without skill reaches.

    Args:
        spread: standard deviation of the Sharpe ratios of the trials.
        n_trials: independent trials, at least 1.

    Raises:
        DataError: if there is no trial.

    Source: Bailey and Lopez de Prado, The Deflated Sharpe Ratio, Journal of Portfolio
    Management 2014.

    >>> round(expected_best_sharpe(0.1, 50), 3)
    0.228
    """
    if n_trials < 1:
        raise DataError(f"there are {n_trials} trials. Pass at least 1.")
    if n_trials == 1:
        return 0.0
    most = float(ndtri(1 - 1 / n_trials))
    beyond = float(ndtri(1 - 1 / (n_trials * math.e)))
    return spread * ((1 - np.euler_gamma) * most + np.euler_gamma * beyond)


def deflated_sharpe(values: Floats, trial_sharpes: Floats, *, horizon: int) -> float:
    """Return the probability that the best trial's Sharpe ratio is more than luck.

    Args:
        values: ``(n_eras,)`` scores per era of the chosen trial; NaN is left out.
        trial_sharpes: ``(n_trials,)`` Sharpe ratios per era of all trials, the chosen
            one among them; NaN is left out.
        horizon: scores that the target looks ahead, as in ``mean_interval``.

    Returns:
        The probabilistic Sharpe ratio above the one that is expected of the best of so
        many trials without skill.

    Source: as ``expected_best_sharpe``.
    """
    sharpes = defined(trial_sharpes)
    spread = float(sharpes.std(ddof=1)) if len(sharpes) > 1 else 0.0
    threshold = expected_best_sharpe(spread, max(1, len(sharpes)))
    return probabilistic_sharpe(values, threshold, horizon=horizon)


def overfit_probability(values: Floats, n_blocks: int = 16) -> float:
    """Return how often the best trial of one half of the eras is below the median.

    The eras are cut into blocks; in every choice of half the blocks, the trial with
    the best Sharpe ratio there is ranked by its Sharpe ratio in the other half.

    Args:
        values: ``(n_eras, n_trials)`` scores per era, ascending eras, finite.
        n_blocks: even; 16 make 12,870 choices of half of them.

    Returns:
        The probability of backtest overfitting (PBO). Without any skill it is 0.5, but
        +- 0.2 from one data set to the next.

    Raises:
        DataError: if there are fewer than two trials, a value is not finite, the number
            of blocks is odd, or there are fewer than two eras to each.

    Source: Bailey, Borwein, Lopez de Prado, Zhu: The Probability of Backtest
    Overfitting, Journal of Computational Finance 2017 (CSCV).
    """
    _check_trials(values, n_blocks)
    size, n_longer = divmod(len(values), n_blocks)
    counts = size + (np.arange(n_blocks) < n_longer)
    starts = np.cumsum(counts) - counts
    scores = np.asarray(values, np.float64)
    sums = np.add.reduceat(scores, starts), np.add.reduceat(scores**2, starts)
    halves = _halves(n_blocks)
    inside = _sharpes(halves, counts, *sums)
    outside = _sharpes(1 - halves, counts, *sums)
    best = np.take_along_axis(outside, inside.argmax(axis=1)[:, None], axis=1)
    # The mean rank of equal ratios, from 1 to the number of trials.
    rank = (outside < best).sum(axis=1) + ((outside == best).sum(axis=1) + 1) / 2
    return float((rank < (values.shape[1] + 1) / 2).mean())


def _halves(n_blocks: int) -> Doubles:
    """Return every choice of half the blocks as a row of zeros and ones."""
    choices = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    halves = np.zeros((len(choices), n_blocks))
    np.put_along_axis(halves, choices, 1, axis=1)
    return halves


def _sharpes(
    halves: Doubles, counts: Integers, sums: Doubles, squares: Doubles
) -> Doubles:
    """Return the Sharpe ratio of each trial in each half, ``(n_halves, n_trials)``.

    Args:
        halves: ``(n_halves, n_blocks)``, one where a block belongs to the half.
        counts: ``(n_blocks,)`` eras of each block.
        sums: ``(n_blocks, n_trials)`` sums of the scores.
        squares: ``(n_blocks, n_trials)`` sums of their squares.
    """
    n_eras = (halves @ counts)[:, None]
    mean, square = halves @ sums / n_eras, halves @ squares / n_eras
    variance = square - mean**2
    # Equal scores have no Sharpe ratio; zero ranks them between gain and loss.
    has_spread = variance > _NO_VARIANCE * square
    std = np.sqrt(np.where(has_spread, variance, 1))
    return np.where(has_spread, mean / std, 0)


def _check_trials(values: Floats, n_blocks: int) -> None:
    n_eras, n_trials = values.shape
    if n_trials < 2:
        raise DataError(f"there are {n_trials} trials to choose from. Pass at least 2.")
    if not np.isfinite(values).all():
        raise DataError(
            "some scores are NaN or infinite. Pass the eras that all trials have a "
            "score for."
        )
    if n_blocks < 2 or n_blocks % 2:
        raise DataError(f"there are {n_blocks} blocks. Choose an even number of them.")
    if n_eras < 2 * n_blocks:
        raise DataError(
            f"there are {n_eras} eras for {n_blocks} blocks, but each needs 2. Choose "
            "fewer blocks."
        )
