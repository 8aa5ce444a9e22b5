"""How good a model is on eras that it did not learn from."""

from numerai_pipeline.evaluation.comparison import Comparison, Pair, compare
from numerai_pipeline.evaluation.evaluating import (
    Scoring,
    Subject,
    evaluate,
    subject_of_run,
)
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    choose_part,
    fold_of,
    predict_part,
    read_out_of_sample,
    write_out_of_sample,
)
from numerai_pipeline.evaluation.plots import draw_comparison, draw_scores
from numerai_pipeline.evaluation.result import (
    Coverage,
    EvaluatedPart,
    Evaluation,
    FeatureScores,
    ScoreRow,
    SweepPoint,
    common_eras,
    last_corr,
    read_evaluation,
)

__all__ = [
    "Comparison",
    "Coverage",
    "EvaluatedPart",
    "Evaluation",
    "FeatureScores",
    "OutOfSample",
    "Pair",
    "ScoreRow",
    "Scoring",
    "Subject",
    "SweepPoint",
    "choose_part",
    "common_eras",
    "compare",
    "draw_comparison",
    "draw_scores",
    "evaluate",
    "fold_of",
    "last_corr",
    "predict_part",
    "read_evaluation",
    "read_out_of_sample",
    "subject_of_run",
    "write_out_of_sample",
]
