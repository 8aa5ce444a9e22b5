"""The picture of an ensemble: what the kinds of weights have earned."""

from typing import Any

from numerai_pipeline.evaluation.ensembles.weightings import WeightingComparison
from numerai_pipeline.evaluation.plots import draw_rows
from numerai_pipeline.evaluation.rows import ScoreRow


def draw_weightings(
    figure: Any, comparison: WeightingComparison, *, horizon: int
) -> None:
    """Draw the cumulative CORR of the kinds of weights.

    Args:
        figure: an empty figure of matplotlib; its size is set.
        comparison: the kinds.
        horizon: eras that the target looks ahead.
    """
    rows = [
        ScoreRow(one.kind, "CORR", one.scores["CORR"], horizon)
        for one in comparison.weighted
    ]
    draw_rows(figure, rows)
