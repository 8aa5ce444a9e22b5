"""How good a run is on eras that it did not learn from."""

from numerai_pipeline.evaluation.backtest import (
    Backtest,
    FoldResult,
    backtests_dir,
    latest_backtest,
)
from numerai_pipeline.evaluation.backtest_plan import BacktestPlan, plan_backtest
from numerai_pipeline.evaluation.backtesting import run_backtest
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
    "Backtest",
    "BacktestPlan",
    "Coverage",
    "EvaluatedPart",
    "Evaluation",
    "FoldResult",
    "ScoreRow",
    "backtests_dir",
    "draw_comparison",
    "draw_scores",
    "evaluate",
    "last_corr",
    "latest_backtest",
    "plan_backtest",
    "run_backtest",
]
