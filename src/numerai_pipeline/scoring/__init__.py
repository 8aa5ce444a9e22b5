"""Numerai's scores as arithmetic on arrays, one number per era."""

from numerai_pipeline.scoring.intervals import Interval, mean_interval
from numerai_pipeline.scoring.metrics import (
    contribution_per_era,
    corr_per_era,
    rank_per_era,
)
from numerai_pipeline.scoring.ranks import mean_rank
from numerai_pipeline.scoring.scores import Scores, Summary

__all__ = [
    "Interval",
    "Scores",
    "Summary",
    "contribution_per_era",
    "corr_per_era",
    "mean_interval",
    "mean_rank",
    "rank_per_era",
]
