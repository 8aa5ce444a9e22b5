"""Several predictions of a row as one: the mean of their ranks within the era."""

from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.scoring.metrics import rank_per_era


def mean_rank(
    predictions: npt.NDArray[np.float32], eras: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.floating[Any]]:
    """Return one value per row.

    Args:
        predictions: ``(rows,)``, which is returned unchanged, or ``(rows, n)``.
        eras: ``(rows,)`` integers, any order.

    Returns:
        ``(rows,)``.

    Raises:
        DataError: if one of several predictions is NaN or infinite.

    >>> mean_rank(np.array([[1, 40], [2, 20], [3, 30]], np.float32), np.ones(3, int))
    array([0.5       , 0.33333333, 0.66666667])
    """
    if predictions.ndim == 1:
        return predictions
    ranks = [rank_per_era(column, eras) for column in predictions.T]
    mean: npt.NDArray[np.floating[Any]] = np.mean(ranks, axis=0)
    return mean
