"""Numerai's scores as arithmetic on arrays, one number per era, and their intervals."""

from numerai_pipeline.scoring.blending import blend, gaussian_columns, weighted_sum
from numerai_pipeline.scoring.comparisons import Difference, difference, holm
from numerai_pipeline.scoring.eras import MIN_SHARE_OF_ERA, covered_rows, segments
from numerai_pipeline.scoring.features import (
    EraFeatures,
    Projection,
    fnc_of_era,
    neutral_of_era,
)
from numerai_pipeline.scoring.intervals import (
    Interval,
    mean_interval,
    n_effective,
    sharpe_interval,
)
from numerai_pipeline.scoring.members import MemberScores, member_scores
from numerai_pipeline.scoring.metrics import (
    churn_per_era,
    contribution_per_era,
    corr_of_era,
    corr_per_era,
    cwmm_per_era,
    payout_per_era,
    similarity_per_era,
)
from numerai_pipeline.scoring.ranks import gaussian_ranks, mean_rank, rank_per_era
from numerai_pipeline.scoring.scores import Scores, Summary
from numerai_pipeline.scoring.trials import (
    deflated_sharpe,
    expected_best_sharpe,
    overfit_probability,
    probabilistic_sharpe,
)
from numerai_pipeline.scoring.weights import (
    Weighting,
    WeightStep,
    step_of,
    walk_forward,
    weights_of,
)

__all__ = [
    "MIN_SHARE_OF_ERA",
    "Difference",
    "EraFeatures",
    "Interval",
    "MemberScores",
    "Projection",
    "Scores",
    "Summary",
    "WeightStep",
    "Weighting",
    "blend",
    "churn_per_era",
    "contribution_per_era",
    "corr_of_era",
    "corr_per_era",
    "covered_rows",
    "cwmm_per_era",
    "deflated_sharpe",
    "difference",
    "expected_best_sharpe",
    "fnc_of_era",
    "gaussian_columns",
    "gaussian_ranks",
    "holm",
    "mean_interval",
    "mean_rank",
    "member_scores",
    "n_effective",
    "neutral_of_era",
    "overfit_probability",
    "payout_per_era",
    "probabilistic_sharpe",
    "rank_per_era",
    "segments",
    "sharpe_interval",
    "similarity_per_era",
    "step_of",
    "walk_forward",
    "weighted_sum",
    "weights_of",
]
