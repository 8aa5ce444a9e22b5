"""Weights learned from what the members predicted out-of-sample."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from numerai_pipeline.core import EvaluationSettings, columns, sha256_of
from numerai_pipeline.data import format_eras
from numerai_pipeline.evaluation.ensembles.blended import MemberRows
from numerai_pipeline.evaluation.ensembles.joining import Joined
from numerai_pipeline.evaluation.ensembles.weight_file import EnsembleWeights
from numerai_pipeline.scoring import (
    MemberScores,
    Weighting,
    member_scores,
    walk_forward,
)


def scores_of_members(rows: MemberRows) -> MemberScores:
    """Score the members, era by era."""
    return member_scores(rows.predictions, rows.targets, rows.meta_model, rows.eras)


def weighed_by(
    joined: Joined, meta_model: Path | None, settings: EvaluationSettings
) -> dict[str, Any]:
    """Return what learned weights depend on, for a fingerprint."""
    return {
        "predictions": joined.checksums,
        "shards": joined.shards_fingerprint,
        "starts": joined.starts,
        "purge": joined.purge,
        "n_rows": len(joined.predictions),
        "meta_model": sha256_of(meta_model) if meta_model else "",
        "payout": [settings.payout_corr, settings.payout_mmc],
    }


def weigh_members(
    joined: Joined,
    kind: Weighting,
    meta_model: Path | None,
    settings: EvaluationSettings,
) -> EnsembleWeights:
    """Score the members, and learn weights from their scores; see ``learn_weights``.

    Args:
        joined: predictions of the members.
        kind: how to find the weights; equal ones need no scores.
        meta_model: Numerai's ``meta_model.parquet``; None: no MMC.
        settings: what CORR and MMC earn.

    Raises:
        DataError: if no era has the target.
    """
    if kind == "equal":
        return EnsembleWeights.equal(joined.names)
    scores = scores_of_members(joined.scored(meta_model))
    return learn_weights(joined, kind, scores, settings)


def learn_weights(
    joined: Joined, kind: Weighting, scores: MemberScores, settings: EvaluationSettings
) -> EnsembleWeights:
    """Learn weights walk-forward, and those of live data from all eras.

    All are equal while there are too few eras for any era to be scored by learned ones.

    Args:
        joined: predictions of the members.
        kind: how to find the weights.
        scores: of the members, ``scores_of_members``.
        settings: what CORR and MMC earn.
    """
    if kind == "equal":
        return EnsembleWeights.equal(joined.names)
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
    if not any(step.n_eras for step in steps[:-1]):
        # No score would be of such weights: live data does not get them either.
        return replace(EnsembleWeights.equal(joined.names), kind=kind)
    eras = format_eras(scores.eras.tolist())
    return EnsembleWeights(kind, joined.names, steps, joined.on, eras)
