"""Ranks within an era, ties kept, and what is made of them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from numerai_pipeline.scoring.eras import (
    Doubles,
    Floats,
    Integers,
    check_finite,
    check_lengths,
    segments,
)


def ranks_of_era(values: Floats) -> Doubles:
    """Rank ``(rows,)`` values of one era into (0, 1); ties keep their mean rank.

    The same numbers as ``scipy.stats.rankdata``, in two thirds of the time.
    """
    n_rows = len(values)
    order = np.argsort(values)
    ascending = values[order]
    # Places in `ascending` where a run of equal values starts, and the end.
    is_start = np.append(True, ascending[1:] != ascending[:-1])
    starts = np.append(np.flatnonzero(is_start), n_rows)
    # Ranks start+1 .. end of a run have the mean (start + 1 + end) / 2.
    means = ((starts[:-1] + starts[1:] + 1) / 2 - 0.5) / n_rows
    ranks = np.empty(n_rows, dtype=np.float64)
    ranks[order] = np.repeat(means, np.diff(starts))
    return ranks


def gaussian_ranks(values: Floats) -> Doubles:
    """Rank ``(rows,)`` values of one era and map the ranks to normal quantiles.

    >>> gaussian_ranks(np.array([5.0, 1.0, 3.0])).round(3).tolist()
    [0.967, -0.967, 0.0]
    """
    quantiles: Doubles = ndtri(ranks_of_era(values))
    return quantiles


def power_1_5(values: Doubles) -> Doubles:
    """Raise to the power 1.5, keeping the sign; the root is ten times as fast."""
    return values * np.sqrt(np.abs(values))


def rank_per_era(values: Floats, eras: Integers) -> Doubles:
    """Rank values within each era into (0, 1); ties keep their mean rank.

    Args:
        values: ``(rows,)`` float, finite.
        eras: ``(rows,)`` integers, in any order.

    Returns:
        ``(rows,)`` float64, ``(rank - 0.5) / n`` with ranks from 1, in the order of
        ``values``.

    Raises:
        DataError: if a value is not finite, or the lengths differ.

    Source: ``tie_kept_rank`` of numerai-tools.

    >>> rank_per_era(np.array([7.0, 3.0, 3.0, 9.0]), np.array([1, 1, 1, 1])).tolist()
    [0.625, 0.25, 0.25, 0.875]
    """
    check_lengths(eras, predictions=values)
    check_finite(values, eras)
    ranks = np.empty(len(values), dtype=np.float64)
    for _, rows in segments(eras):
        ranks[rows] = ranks_of_era(values[rows])
    return ranks


def mean_rank(
    predictions: npt.NDArray[np.float32], eras: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.floating[Any]]:
    """Return several predictions of a row as one: the mean of their ranks per era.

    Args:
        predictions: ``(rows,)``, which is returned unchanged, or ``(rows, n)``.
        eras: ``(rows,)`` integers, any order.

    Returns:
        ``(rows,)``; a mean of ranks is rounded to 12 decimals.

    Raises:
        DataError: if one of several predictions is NaN or infinite.

    >>> mean_rank(np.array([[1, 40], [2, 20], [3, 30]], np.float32), np.ones(3, int))
    array([0.5       , 0.33333333, 0.66666667])
    """
    if predictions.ndim == 1:
        return predictions
    ranks = [rank_per_era(column, eras) for column in predictions.T]
    # Rounded, so that rows with the same mean are tied: which of them the last bits of
    # the sums put first would be another one in float32, which scores are kept in.
    mean: npt.NDArray[np.floating[Any]] = np.mean(ranks, axis=0).round(12)
    return mean
