"""A trained run at work: on eras that it never saw, and on live data."""

from numerai_pipeline.prediction.evaluating import evaluate
from numerai_pipeline.prediction.evaluation import (
    Coverage,
    Evaluation,
    ScoreRow,
    known_corr,
)
from numerai_pipeline.prediction.live import live_ids, predict_live, write_predictions
from numerai_pipeline.prediction.plot import draw_comparison, draw_scores

__all__ = [
    "Coverage",
    "Evaluation",
    "ScoreRow",
    "draw_comparison",
    "draw_scores",
    "evaluate",
    "known_corr",
    "live_ids",
    "predict_live",
    "write_predictions",
]
