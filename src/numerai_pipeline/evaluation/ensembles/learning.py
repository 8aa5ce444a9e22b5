"""Weights learned from what the members predicted out-of-sample."""

from pathlib import Path

from numerai_pipeline.core import EvaluationSettings, columns
from numerai_pipeline.data import format_eras
from numerai_pipeline.evaluation.ensembles.joining import Joined
from numerai_pipeline.evaluation.ensembles.weight_file import EnsembleWeights
from numerai_pipeline.scoring import (
    MemberScores,
    Weighting,
    member_scores,
    walk_forward,
)


def scores_of_members(joined: Joined, meta_model: Path | None) -> MemberScores:
    """Score the members on the eras that have the target.

    Raises:
        DataError: if no era has it.
    """
    rows = joined.scored(meta_model)
    return member_scores(rows.predictions, rows.targets, rows.meta_model, rows.eras)


def learn_weights(
    joined: Joined,
    kind: Weighting,
    meta_model: Path | None,
    settings: EvaluationSettings,
) -> EnsembleWeights:
    """Learn weights walk-forward, and those of live data from all eras.

    Args:
        joined: predictions of the members.
        kind: how to find the weights.
        meta_model: Numerai's ``meta_model.parquet``; without it only CORR counts.
        settings: what CORR and MMC earn.

    Raises:
        DataError: if no era has the target.
    """
    if kind == "equal":
        return EnsembleWeights.equal(joined.names)
    scores = scores_of_members(joined, meta_model)
    # Eras before the first stretch have equal weights, those after the last one what
    # all eras have shown; in between there is a purge, as everywhere.
    last = int(scores.eras[-1]) + joined.purge + 1
    earlier = (start for start in joined.starts if start < last)
    steps = walk_forward(
        scores,
        kind,
        (0, *earlier, last),
        purge=joined.purge,
        corr_factor=settings.payout_corr,
        mmc_factor=settings.payout_mmc,
        horizon=columns.horizon_eras(joined.target),
    )
    eras = format_eras(scores.eras.tolist())
    return EnsembleWeights(kind, joined.names, steps, joined.on, eras)
