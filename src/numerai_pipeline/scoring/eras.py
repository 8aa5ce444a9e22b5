"""The rows of each era, and the checks that all scores share."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

# Two rows are the least that can be correlated.
MIN_ROWS = 2

# numerai-tools refuses to score an era that a reference covers less.
MIN_SHARE_OF_ERA = 0.8

# At most so many eras are named in an error; a broken column would name hundreds.
_NAMED_ERAS = 5


def segments(eras: Integers) -> Iterator[tuple[int, Rows]]:
    """Yield each era, ascending, with the indices of its rows."""
    # The stable sort of 16-bit integers is a radix sort: one pass over the rows.
    order = np.argsort(eras, kind="stable")
    ascending = eras[order]
    cuts = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    for rows in np.split(order, cuts):
        yield int(eras[rows[0]]), rows


def rows_by_era(
    eras: Integers, is_kept: Mask, what: str
) -> Iterator[tuple[int, Rows, Rows]]:
    """Yield each era, ascending, with the indices of its rows and of those kept.

    Raises:
        DataError: if fewer than two rows of an era are kept.
    """
    for era, rows in segments(eras):
        kept = rows[is_kept[rows]]
        if len(kept) < MIN_ROWS:
            raise DataError(
                f"era {era} has {len(kept)} of {len(rows)} rows with {what}, but a "
                f"score needs {MIN_ROWS}. Leave this era out."
            )
        yield era, rows, kept


def covered_rows(reference: Floats, has_target: Mask, eras: Integers) -> Mask:
    """Return which rows can be compared with a reference.

    Args:
        reference: ``(rows,)`` float, NaN where it has no row.
        has_target: ``(rows,)``.
        eras: ``(rows,)``, not negative.

    Returns:
        ``(rows,)``: those with a value and a target, in eras of which the reference
        has ``MIN_SHARE_OF_ERA`` of the rows with a target, two at least.
    """
    is_known = has_target & ~np.isnan(reference)
    # Eras are small numbers, so they count themselves.
    n_wanted = np.bincount(eras, weights=has_target)
    n_known = np.bincount(eras, weights=is_known)
    is_covered = n_known >= np.maximum(MIN_SHARE_OF_ERA * n_wanted, MIN_ROWS)
    covered: Mask = is_known & is_covered[eras]
    return covered


def check_lengths(eras: Integers, **columns: Floats) -> None:
    """Refuse columns of other lengths than the eras, and no rows at all."""
    lengths = {name: len(values) for name, values in columns.items()}
    if any(n_rows != len(eras) for n_rows in lengths.values()):
        found = ", ".join(f"{n_rows:,} {name}" for name, n_rows in lengths.items())
        raise DataError(
            f"there are {found} for {len(eras):,} eras. Pass one of each per row."
        )
    if len(eras) == 0:
        raise DataError("there are no rows to score. Choose other eras.")


def check_finite(values: Floats, eras: Integers) -> None:
    """Refuse predictions that are NaN or infinite."""
    is_broken = ~np.isfinite(values)
    if is_broken.any():
        raise DataError(
            f"{_broken(is_broken, eras, 'predictions')} NaN or infinite. A model that "
            "diverged in training predicts such values: lower its learning_rate and "
            "train again."
        )


def is_known(values: Floats, eras: Integers, what: str) -> Mask:
    """Return which values are not NaN.

    Raises:
        DataError: if one is infinite.
    """
    is_infinite = np.isinf(values)
    if is_infinite.any():
        raise DataError(
            f"{_broken(is_infinite, eras, what)} infinite. Correct them or drop them."
        )
    known: Mask = ~np.isnan(values)
    return known


def is_predicted(predictions: Floats, eras: Integers, *, allow_missing: bool) -> Mask:
    """Return which rows have a prediction.

    Raises:
        DataError: if one is infinite, or NaN without ``allow_missing``.
    """
    if allow_missing:
        return is_known(predictions, eras, "predictions")
    check_finite(predictions, eras)
    return np.ones(len(predictions), np.bool_)


def _broken(is_broken: Mask, eras: Integers, what: str) -> str:
    """Return how a sentence about broken values begins.

    >>> _broken(np.array([True, False, True]), np.array([7, 7, 8]), "targets")
    '2 of 3 targets, in era 7, 8, are'
    """
    broken = np.unique(eras[is_broken])
    named = ", ".join(map(str, broken[:_NAMED_ERAS]))
    more = f" and {len(broken) - _NAMED_ERAS} more" if len(broken) > _NAMED_ERAS else ""
    n_broken = int(is_broken.sum())
    return f"{n_broken:,} of {len(is_broken):,} {what}, in era {named}{more}, are"
