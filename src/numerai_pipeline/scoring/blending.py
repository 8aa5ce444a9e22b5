"""Several models as one: the weighted sum of their gaussianized ranks, per era."""

import numpy as np

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring.eras import (
    Doubles,
    Floats,
    Integers,
    check_finite,
    check_lengths,
    segments,
)
from numerai_pipeline.scoring.ranks import gaussian_ranks


def blend(predictions: Floats, eras: Integers, weights: Doubles) -> Doubles:
    """Return what an ensemble predicts.

    Raw averages would let the member with the widest predictions decide; gaussianized,
    each has the weight that it is given.

    Args:
        predictions: ``(rows, k)`` float, finite; a column per member, any scale.
        eras: ``(rows,)`` integers, in any order.
        weights: ``(k,)``, not negative; only their ratios matter to ranks.

    Returns:
        ``(rows,)`` float64. A member whose predictions of an era are all equal adds 0
        there, and so does every member to an era of one row.

    Raises:
        DataError: if a prediction is NaN or infinite, the lengths differ, or a weight
            is negative or all are 0.

    >>> predictions = np.array([[0.1, 3e6], [0.2, 1e6], [0.3, 2e6]])
    >>> blend(predictions, np.ones(3, int), np.array([0.75, 0.25])).round(3).tolist()
    [-0.484, -0.242, 0.726]
    """
    check_weights(weights, predictions.shape[1])
    return weighted_sum(gaussian_columns(predictions, eras), weights)


def weighted_sum(gaussian: Doubles, weights: Doubles) -> Doubles:
    """Return ``(rows,)`` sums of ``(rows, k)`` gaussianized members.

    Rounded to 12 decimals: sums that are equal stay ties, in whatever order they were
    added.
    """
    blended: Doubles = (gaussian @ weights).round(12)
    return blended


def gaussian_columns(predictions: Floats, eras: Integers) -> Doubles:
    """Gaussianize the ranks of several models within each era; ties keep their mean.

    Args:
        predictions: ``(rows, k)`` float, finite; a column per model.
        eras: ``(rows,)`` integers, in any order.

    Returns:
        ``(rows, k)`` float64, a column's values in an era as ``gaussian_ranks`` of it.

    Raises:
        DataError: if a prediction is NaN or infinite, or the lengths differ.
    """
    check_lengths(eras, predictions=predictions)
    for member in predictions.T:
        check_finite(member, eras)
    # A column lies in one piece: it is written era by era, and read by its rows.
    columns = np.empty(predictions.shape[::-1])
    for _, rows in segments(eras):
        for column, values in zip(columns, predictions[rows].T, strict=True):
            column[rows] = gaussian_ranks(values)
    return columns.T


def check_weights(weights: Doubles, n_members: int) -> None:
    """Check the weights of members.

    Raises:
        DataError: if there is not one per member, one is negative, or all are 0.
    """
    if len(weights) != n_members:
        raise DataError(
            f"there are {len(weights)} weights for {n_members} members. Give one each."
        )
    # Written so that NaN is refused, too.
    if not (np.all(weights >= 0) and 0 < weights.sum() < np.inf):
        found = ", ".join(f"{weight:g}" for weight in weights)
        raise DataError(
            f"the weights are {found}, but none may be negative and their sum must be "
            "above 0. Correct them, or use equal weights."
        )
