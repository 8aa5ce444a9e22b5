"""How good a run is on eras that it did not learn from."""

from numerai_pipeline.evaluation.plots import draw_comparison, draw_scores
from numerai_pipeline.evaluation.result import (
    Coverage,
    EvaluatedPart,
    Evaluation,
    ScoreRow,
    last_corr,
)
from numerai_pipeline.evaluation.runs import evaluate

__all__ = [
    "Coverage",
    "EvaluatedPart",
    "Evaluation",
    "ScoreRow",
    "draw_comparison",
    "draw_scores",
    "evaluate",
    "last_corr",
]
