"""The scores of any weighting of the same members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import EvaluationSettings
from numerai_pipeline.evaluation.scores import payout_of
from numerai_pipeline.scoring import (
    Scores,
    WeightStep,
    contribution_per_era,
    corr_per_era,
    covered_rows,
    gaussian_columns,
    weighted_sum,
)


@dataclass(frozen=True, eq=False)
class MemberRows:
    """What the members of an ensemble predict, out-of-sample.

    Attributes:
        names: of the members, two at least.
        eras: ``(rows,)`` integers; two rows at least of each.
        predictions: ``(rows, k)`` float, finite; a column per member.
        targets: ``(rows,)`` float, of the target that is scored by; none is missing.
        meta_model: ``(rows,)`` float, NaN where it has no row; None: no MMC.
    """

    names: tuple[str, ...]
    eras: npt.NDArray[np.integer[Any]]
    predictions: npt.NDArray[np.floating[Any]]
    targets: npt.NDArray[np.floating[Any]]
    meta_model: npt.NDArray[np.floating[Any]] | None = None


class Blends:
    """Blends members by weights, and scores the blends.

    The members are gaussianized once: ``(rows, k)`` float64 stay in memory.

    Args:
        rows: what the members predict.
        settings: what a payout is.
    """

    def __init__(self, rows: MemberRows, settings: EvaluationSettings) -> None:
        self.rows = rows
        self.settings = settings
        self._gaussian = gaussian_columns(rows.predictions, rows.eras)

    def scores(self, steps: Sequence[WeightStep]) -> dict[str, Scores]:
        """Score the blend whose weights are those of the steps.

        Args:
            steps: ascending; each holds until the next one.

        Returns:
            ``CORR`` of the eras from the first step on; ``MMC`` and ``payout`` of
            those that the meta model covers, if there is one.
        """
        is_scored = self.rows.eras >= steps[0].start
        eras, targets = self.rows.eras[is_scored], self.rows.targets[is_scored]
        blended = self._blend(steps)[is_scored]
        corr = corr_per_era(blended, targets, eras)
        if self.rows.meta_model is None:
            return {"CORR": corr}
        known = self.rows.meta_model[is_scored]
        covered = covered_rows(known, np.ones(len(eras), np.bool_), eras)
        if not covered.any():
            return {"CORR": corr}
        mmc = contribution_per_era(
            blended[covered], known[covered], targets[covered], eras[covered]
        )
        return {"CORR": corr, "MMC": mmc, "payout": payout_of(corr, mmc, self.settings)}

    def _blend(self, steps: Sequence[WeightStep]) -> npt.NDArray[np.float64]:
        blended = np.empty(len(self.rows.eras))
        for step in steps:
            # What a later step holds for is written by it afterwards.
            rows = self.rows.eras >= step.start
            blended[rows] = weighted_sum(self._gaussian[rows], np.array(step.weights))
        return blended
