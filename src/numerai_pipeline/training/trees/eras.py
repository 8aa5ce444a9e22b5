"""Weights of eras: every era the same, or the worst eras alone."""

import numpy as np
import numpy.typing as npt

from numerai_pipeline.models import TreesTraining
from numerai_pipeline.scoring import corr_per_era
from numerai_pipeline.training.labels import Labels, balancing_weights

Weights = npt.NDArray[np.float32]


def base_weights(labels: Labels, training: TreesTraining) -> Weights | None:
    """Return ``(rows,)`` weights of the training rows; None: all the same."""
    if training.era_weights == "rows":
        return None
    return balancing_weights(labels.eras)


def boosted_weights(
    base: Weights | None,
    labels: Labels,
    predictions: npt.NDArray[np.float64],
    share: float,
) -> Weights:
    """Return weights that are zero but for the worst eras.

    Args:
        base: weights without boosting.
        labels: targets and eras of the training rows.
        predictions: ``(rows,)`` of all trees so far.
        share: of the eras that are kept, those with the lowest CORR; at least one.
            An era whose predictions are all equal counts as 0.
    """
    scores = corr_per_era(predictions.astype(np.float32), labels.values, labels.eras)
    values = np.nan_to_num(np.asarray(scores.values, np.float64))
    n_kept = max(1, round(share * len(values)))
    worst = np.asarray(scores.eras)[np.argsort(values, kind="stable")[:n_kept]]
    weights = np.ones(len(labels.eras), np.float32) if base is None else base.copy()
    weights[~np.isin(labels.eras, worst)] = 0
    return weights
