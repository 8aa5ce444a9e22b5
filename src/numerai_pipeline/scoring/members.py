"""The scores of the members of an ensemble, and how alike they predict, per era."""

from dataclasses import dataclass

import numpy as np

from numerai_pipeline.scoring.blending import gaussian_columns
from numerai_pipeline.scoring.eras import (
    Doubles,
    Floats,
    Integers,
    Mask,
    check_lengths,
    covered_rows,
    is_known,
    segments,
)
from numerai_pipeline.scoring.metrics import contribution_per_era, corr_per_era


@dataclass(frozen=True, eq=False)
class MemberScores:
    """The scores of the members of an ensemble, era by era.

    Attributes:
        eras: ``(n,)`` integers, ascending.
        corr: ``(n, k)`` float64, CORR of each member; NaN where it is not defined.
        mmc: ``(n, k)`` float64, MMC; NaN where the meta model does not cover the era.
        similarity: ``(n, k, k)`` float64, correlation of the gaussianized predictions
            within the era; 0 beside a member whose predictions are all equal.
    """

    eras: Integers
    corr: Doubles
    mmc: Doubles
    similarity: Doubles

    @property
    def n_members(self) -> int:
        """How many members there are."""
        return int(self.corr.shape[1])

    def before(self, era: int) -> "MemberScores":
        """Return the scores of the eras before one."""
        n = int(np.searchsorted(self.eras, era))
        return MemberScores(
            self.eras[:n], self.corr[:n], self.mmc[:n], self.similarity[:n]
        )


def member_scores(
    predictions: Floats, targets: Floats, meta_model: Floats | None, eras: Integers
) -> MemberScores:
    """Score the members of an ensemble.

    Args:
        predictions: ``(rows, k)`` float, finite; a column per member.
        targets: ``(rows,)`` float; rows without a target (NaN) are dropped.
        meta_model: ``(rows,)`` float, NaN where it has no row; None: no MMC.
        eras: ``(rows,)`` integers, in any order.

    Raises:
        DataError: as ``corr_per_era``.
    """
    check_lengths(eras, predictions=predictions, targets=targets)
    has_target = is_known(targets, eras, "targets")
    predictions, targets = predictions[has_target], targets[has_target]
    eras = eras[has_target]
    corr = [corr_per_era(member, targets, eras) for member in predictions.T]
    found = np.unique(eras)
    mmc = np.full((len(found), predictions.shape[1]), np.nan)
    if meta_model is not None:
        known = meta_model[has_target]
        is_covered = covered_rows(known, np.ones(len(eras), np.bool_), eras)
        if is_covered.any():
            same, values = _mmc(predictions, targets, known, eras, is_covered)
            mmc[np.isin(found, same)] = values
    return MemberScores(
        eras=found,
        corr=np.column_stack([scores.values for scores in corr]),
        mmc=mmc,
        similarity=_similarity(predictions, eras),
    )


def _mmc(
    predictions: Floats,
    targets: Floats,
    meta_model: Floats,
    eras: Integers,
    is_covered: Mask,
) -> tuple[Integers, Doubles]:
    """Return the covered eras and their MMC, ``(n_covered, k)``."""
    found = [
        contribution_per_era(
            member[is_covered],
            meta_model[is_covered],
            targets[is_covered],
            eras[is_covered],
        )
        for member in predictions.T
    ]
    return found[0].eras, np.column_stack([scores.values for scores in found])


def _similarity(predictions: Floats, eras: Integers) -> Doubles:
    """Return ``(n, k, k)`` correlations of the gaussianized predictions per era."""
    gaussian = gaussian_columns(predictions, eras)
    found = []
    for _, rows in segments(eras):
        # Gaussianized ranks have a mean of 0, unless many are tied.
        centred = gaussian[rows] - gaussian[rows].mean(axis=0)
        norms = np.linalg.norm(centred, axis=0)
        scaled = centred / np.where(norms > 0, norms, 1)
        products = scaled.T @ scaled
        np.fill_diagonal(products, 1)
        found.append(products)
    return np.array(found)
