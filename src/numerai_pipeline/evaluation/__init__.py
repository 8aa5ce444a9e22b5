"""How good a run is on eras that it did not learn from."""

from numerai_pipeline.evaluation.leaks import (
    CheckResult,
    Finding,
    LeakReport,
    check_leaks,
    read_leak_report,
)
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
    "CheckResult",
    "Coverage",
    "EvaluatedPart",
    "Evaluation",
    "Finding",
    "LeakReport",
    "ScoreRow",
    "check_leaks",
    "draw_comparison",
    "draw_scores",
    "evaluate",
    "last_corr",
    "read_leak_report",
]
