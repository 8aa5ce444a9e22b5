"""A trained run at work: on eras that it never saw, and on live data."""

from numerai_pipeline.prediction.evaluating import evaluate
from numerai_pipeline.prediction.evaluation import (
    Coverage,
    Evaluation,
    ScoreRow,
    known_corr,
)
from numerai_pipeline.prediction.live import (
    earlier_live,
    live_ids,
    predict_live,
    write_predictions,
)
from numerai_pipeline.prediction.note import (
    Origin,
    check_origin,
    noted_rows,
    write_noted,
)
from numerai_pipeline.prediction.plot import draw_comparison, draw_scores

__all__ = [
    "Coverage",
    "Evaluation",
    "Origin",
    "ScoreRow",
    "check_origin",
    "draw_comparison",
    "draw_scores",
    "earlier_live",
    "evaluate",
    "known_corr",
    "live_ids",
    "noted_rows",
    "predict_live",
    "write_noted",
    "write_predictions",
]
