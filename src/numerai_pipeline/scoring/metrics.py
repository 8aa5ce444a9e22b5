"""CORR, contribution (MMC, BMC) and ranks, era by era.

The definition is the package numerai-tools, whose numbers these functions return to
1e-12, on arrays in any order instead of one indexed frame an era.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring.scores import Scores

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
_Doubles = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.intp]

# Two rows are the least that can be correlated.
_MIN_ROWS = 2

# Eras that an error names; a broken column would name hundreds.
_NAMED_ERAS = 5


def corr_per_era(predictions: Floats, targets: Floats, eras: Integers) -> Scores:
    """Score predictions against targets, one CORR an era.

    Ranks (ties keep their mean rank), gaussianizes and raises the predictions to the
    power 1.5 with their sign, centres the targets by their mean and raises them to
    the same power, and takes Pearson's correlation of the two.

    Args:
        predictions: ``(rows,)`` float, finite, any scale; ranked within each era.
        targets: ``(rows,)`` float; rows without a target (NaN) are dropped.
        eras: ``(rows,)`` integers, in any order.

    Returns:
        A CORR an era, NaN where all predictions or all targets of an era are equal.

    Raises:
        DataError: if an era has fewer than two rows with a target, a prediction is
            not finite, or the lengths differ.

    Source: ``numerai_corr`` of numerai-tools, which also refuses an era where more
    than a fifth of the rows have no target; here what there is counts.

    >>> scores = corr_per_era(
    ...     np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1]),
    ...     np.array([0.0, 0.5, 1.0, 0.0, 0.5, 1.0]),
    ...     np.array([1, 1, 1, 2, 2, 2]),
    ... )
    >>> scores.eras.tolist(), scores.values.round(6).tolist()
    ([1, 2], [1.0, -1.0])
    """
    _check_lengths(eras, predictions=predictions, targets=targets)
    _check_finite(predictions, eras)
    groups = list(_rows_by_era(eras, ~np.isnan(targets), "a target"))
    values = [_corr(predictions[rows], targets[rows]) for _, rows in groups]
    return Scores(np.array([era for era, _ in groups]), np.array(values))


def contribution_per_era(
    predictions: Floats, reference: Floats, targets: Floats, eras: Integers
) -> Scores:
    """Score what predictions add to a reference, one contribution an era.

    Against the meta model this is MMC, against a benchmark model BMC: the covariance
    of the centred target with that part of the ranked and gaussianized predictions
    which is orthogonal to the reference. Targets within [0, 1] are multiplied by 4.

    Args:
        predictions: ``(rows,)`` float, finite, any scale; ranked within each era.
        reference: ``(rows,)`` float, any scale; NaN where the reference has no row.
        targets: ``(rows,)`` float, NaN where there is none. Rows without reference or
            target are dropped before ranking.
        eras: ``(rows,)`` integers, in any order.

    Returns:
        A contribution an era: 0 where all predictions of an era are equal, NaN where
        all values of the reference are.

    Raises:
        DataError: if an era has fewer than two rows with both reference and target,
            a prediction is not finite, or the lengths differ.

    Source: ``correlation_contribution`` of numerai-tools, which also refuses an era
    where more than a fifth of the rows are dropped.
    """
    _check_lengths(eras, predictions=predictions, reference=reference, targets=targets)
    _check_finite(predictions, eras)
    is_whole = ~(np.isnan(targets) | np.isnan(reference))
    groups = list(_rows_by_era(eras, is_whole, "a target and a reference"))
    values = [
        _contribution(predictions[rows], reference[rows], targets[rows])
        for _, rows in groups
    ]
    return Scores(np.array([era for era, _ in groups]), np.array(values))


def rank_per_era(values: Floats, eras: Integers) -> _Doubles:
    """Rank values within each era into (0, 1); ties keep their mean rank.

    Args:
        values: ``(rows,)`` float, finite.
        eras: ``(rows,)`` integers, in any order.

    Returns:
        ``(rows,)`` float64, ``(rank - 0.5) / n`` with ranks from 1, in the order of
        ``values``.

    Raises:
        DataError: if a value is not finite, or the lengths differ.

    Source: ``tie_kept_rank`` of numerai-tools.

    >>> rank_per_era(np.array([7.0, 3.0, 3.0, 9.0]), np.array([1, 1, 1, 1])).tolist()
    [0.625, 0.25, 0.25, 0.875]
    """
    _check_lengths(eras, predictions=values)
    _check_finite(values, eras)
    ranks = np.empty(len(values), dtype=np.float64)
    for _, rows in _segments(eras):
        ranks[rows] = _rank(values[rows])
    return ranks


def _corr(predictions: Floats, targets: Floats) -> float:
    # The centred values of equal targets can be rounding errors instead of 0.
    if np.ptp(predictions) == 0 or np.ptp(targets) == 0:
        return math.nan
    scored = _power_1_5(ndtri(_rank(predictions)))
    wanted = _power_1_5(_centred(targets))
    scored -= scored.mean()
    wanted -= wanted.mean()
    norm = math.sqrt(float(scored @ scored) * float(wanted @ wanted))
    return max(-1.0, min(1.0, float(scored @ wanted) / norm))


def _contribution(predictions: Floats, reference: Floats, targets: Floats) -> float:
    if np.ptp(reference) == 0:
        return math.nan
    scored = ndtri(_rank(predictions))
    known = ndtri(_rank(reference))
    scored -= known * (float(scored @ known) / float(known @ known))
    is_unit = targets.min() >= 0 and targets.max() <= 1
    wanted = _centred(targets * 4 if is_unit else targets)
    return float(wanted @ scored) / len(wanted)


def _rank(values: Floats) -> _Doubles:
    """Rank ``(rows,)`` values into (0, 1); equal values share their mean rank."""
    n_rows = len(values)
    order = np.argsort(values)
    ascending = values[order]
    # Places in `ascending` where a run of equal values starts, and the end.
    is_start = np.append(True, ascending[1:] != ascending[:-1])
    starts = np.append(np.flatnonzero(is_start), n_rows)
    # Ranks start+1 .. end of a run have the mean (start + 1 + end) / 2.
    means = ((starts[:-1] + starts[1:] + 1) / 2 - 0.5) / n_rows
    ranks = np.empty(n_rows, dtype=np.float64)
    ranks[order] = np.repeat(means, np.diff(starts))
    return ranks


def _centred(values: Floats) -> _Doubles:
    doubles: _Doubles = values.astype(np.float64)
    doubles -= doubles.mean()
    return doubles


def _power_1_5(values: _Doubles) -> _Doubles:
    """Raise to the power 1.5, keeping the sign; the root is ten times as fast."""
    return values * np.sqrt(np.abs(values))


def _segments(eras: Integers) -> Iterator[tuple[int, _Rows]]:
    """Yield each era, ascending, with the indices of its rows."""
    # The stable sort of 16-bit integers is a radix sort: one pass over the rows.
    order = np.argsort(eras, kind="stable")
    ascending = eras[order]
    cuts = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    for rows in np.split(order, cuts):
        yield int(eras[rows[0]]), rows


def _rows_by_era(
    eras: Integers, is_kept: npt.NDArray[np.bool_], what: str
) -> Iterator[tuple[int, _Rows]]:
    for era, rows in _segments(eras):
        kept = rows[is_kept[rows]]
        if len(kept) < _MIN_ROWS:
            raise DataError(
                f"era {era} has {len(kept)} of {len(rows)} rows with {what}, but a "
                f"score needs {_MIN_ROWS}. Leave this era out."
            )
        yield era, kept


def _check_lengths(eras: Integers, **columns: Floats) -> None:
    lengths = {name: len(values) for name, values in columns.items()}
    if any(n_rows != len(eras) for n_rows in lengths.values()):
        found = ", ".join(f"{n_rows:,} {name}" for name, n_rows in lengths.items())
        raise DataError(
            f"there are {found} for {len(eras):,} eras. Hand over one of each a row."
        )
    if len(eras) == 0:
        raise DataError("there is not a single row to score. Choose other eras.")


def _check_finite(values: Floats, eras: Integers) -> None:
    is_broken = ~np.isfinite(values)
    if not is_broken.any():
        return
    broken = np.unique(eras[is_broken])
    named = ", ".join(map(str, broken[:_NAMED_ERAS]))
    more = f" and {len(broken) - _NAMED_ERAS} more" if len(broken) > _NAMED_ERAS else ""
    raise DataError(
        f"{int(is_broken.sum()):,} of {len(values):,} predictions are NaN or infinite, "
        f"in era {named}{more}. A model that diverged in training predicts such: "
        "lower its learning_rate and train again."
    )
