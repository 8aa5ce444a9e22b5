"""How good a model is on eras that it did not learn from."""

from numerai_pipeline.evaluation.backtests.folder import (
    Backtest,
    backtests_dir,
    latest_backtest,
)
from numerai_pipeline.evaluation.backtests.plan import BacktestPlan, plan_backtest
from numerai_pipeline.evaluation.backtests.running import run_backtest
from numerai_pipeline.evaluation.comparison import Comparison, Pair, compare
from numerai_pipeline.evaluation.ensembles.backtesting import (
    EnsembleBacktest,
    backtest_ensemble,
)
from numerai_pipeline.evaluation.ensembles.blended import Blends, MemberRows
from numerai_pipeline.evaluation.ensembles.contributions import (
    Contribution,
    contributions,
)
from numerai_pipeline.evaluation.ensembles.joining import (
    Joined,
    join_backtests,
    join_runs,
)
from numerai_pipeline.evaluation.ensembles.learning import (
    learn_weights,
    scores_of_members,
    weigh_members,
    weighed_by,
)
from numerai_pipeline.evaluation.ensembles.members import check_members
from numerai_pipeline.evaluation.ensembles.pinning import joint_fold, pin, union_fold
from numerai_pipeline.evaluation.ensembles.weight_file import EnsembleWeights
from numerai_pipeline.evaluation.ensembles.weightings import (
    Weighted,
    WeightingComparison,
    compare_weightings,
    draw_weightings,
)
from numerai_pipeline.evaluation.evaluating import (
    Scoring,
    Subject,
    evaluate,
    subject_of_backtest,
    subject_of_run,
)
from numerai_pipeline.evaluation.leaks import (
    CheckResult,
    Finding,
    LeakReport,
    check_leaks,
    read_leak_report,
)
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    choose_part,
    predict_part,
    write_out_of_sample,
)
from numerai_pipeline.evaluation.plots import (
    draw_comparison,
    draw_scores,
    draw_similarity,
)
from numerai_pipeline.evaluation.predicting import (
    OnMissing,
    RowSource,
    ShardRows,
    predict_rows,
)
from numerai_pipeline.evaluation.references import LIVE_BENCHMARKS
from numerai_pipeline.evaluation.result import (
    EvaluatedPart,
    Evaluation,
    last_corr,
    on_common_eras,
    read_evaluation,
)
from numerai_pipeline.evaluation.rows import (
    Coverage,
    FeatureScores,
    ScoreRow,
    SweepPoint,
    common_eras,
)
from numerai_pipeline.evaluation.sweep import (
    Sweep,
    plot_sweep,
    sweep_of,
)
from numerai_pipeline.evaluation.trials import Trials, trials_of

__all__ = [
    "LIVE_BENCHMARKS",
    "Backtest",
    "BacktestPlan",
    "Blends",
    "CheckResult",
    "Comparison",
    "Contribution",
    "Coverage",
    "EnsembleBacktest",
    "EnsembleWeights",
    "EvaluatedPart",
    "Evaluation",
    "FeatureScores",
    "Finding",
    "Joined",
    "LeakReport",
    "MemberRows",
    "OnMissing",
    "OutOfSample",
    "Pair",
    "RowSource",
    "ScoreRow",
    "Scoring",
    "ShardRows",
    "Subject",
    "Sweep",
    "SweepPoint",
    "Trials",
    "Weighted",
    "WeightingComparison",
    "backtest_ensemble",
    "backtests_dir",
    "check_leaks",
    "check_members",
    "choose_part",
    "common_eras",
    "compare",
    "compare_weightings",
    "contributions",
    "draw_comparison",
    "draw_scores",
    "draw_similarity",
    "draw_weightings",
    "evaluate",
    "join_backtests",
    "join_runs",
    "joint_fold",
    "last_corr",
    "latest_backtest",
    "learn_weights",
    "on_common_eras",
    "pin",
    "plan_backtest",
    "plot_sweep",
    "predict_part",
    "predict_rows",
    "read_evaluation",
    "read_leak_report",
    "run_backtest",
    "scores_of_members",
    "subject_of_backtest",
    "subject_of_run",
    "sweep_of",
    "trials_of",
    "union_fold",
    "weigh_members",
    "weighed_by",
    "write_out_of_sample",
]
