"""Numerai's scores as arithmetic on arrays, one number per era, and their intervals."""

from numerai_pipeline.scoring.comparisons import Difference, difference, holm
from numerai_pipeline.scoring.eras import segments
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

__all__ = [
    "Difference",
    "EraFeatures",
    "Interval",
    "Projection",
    "Scores",
    "Summary",
    "churn_per_era",
    "contribution_per_era",
    "corr_of_era",
    "corr_per_era",
    "cwmm_per_era",
    "deflated_sharpe",
    "difference",
    "expected_best_sharpe",
    "fnc_of_era",
    "gaussian_ranks",
    "holm",
    "mean_interval",
    "mean_rank",
    "n_effective",
    "neutral_of_era",
    "overfit_probability",
    "payout_per_era",
    "probabilistic_sharpe",
    "rank_per_era",
    "segments",
    "sharpe_interval",
    "similarity_per_era",
]
