"""Exposure, neutralization and FNC: one factorization per era for all models."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring.eras import Doubles, Floats, Mask, Rows
from numerai_pipeline.scoring.metrics import corr_of_era
from numerai_pipeline.scoring.ranks import gaussian_ranks

# float32 holds every whole number below this, so sums of products of small whole
# numbers are exact in it.
_EXACT_BELOW = 2**24

# What the other columns leave of a column's squares, as a share of the largest: below
# this it is rounding, and the column is a combination of the others.
_TOLERANCE = 1e-12

# Above this share of the rows, what the features leave of a prediction is rounding.
_MAX_RANK = 0.9

# Below this share, what is left of a prediction is rounding, too.
_NO_REMAINDER = 1e-10

# Values that are converted to float64 at once: 4 MB, which stay in the cache.
_VALUES_AT_ONCE = 2**19


class EraFeatures:
    """The features of one era and their products, for any number of models.

    Attributes:
        n_rows: rows of the era.
        n_features: columns.
        is_constant: ``(n_features,)``, whether all values of a column are equal.
    """

    def __init__(self, x: npt.NDArray[Any]) -> None:
        """Take the features; nothing is multiplied yet.

        Args:
            x: ``(rows, n_features)``, finite: whole numbers such as the codes 0 to 5,
                or floats.

        Raises:
            DataError: if there are fewer than two rows.
        """
        if x.ndim != 2 or len(x) < 2 or x.shape[1] == 0:
            raise DataError(
                f"the features of an era have the shape {x.shape}, but two rows with "
                "columns are needed. Leave this era out."
            )
        self.n_rows, self.n_features = int(x.shape[0]), int(x.shape[1])
        self.is_constant: Mask = np.ptp(x, axis=0) == 0
        self._x = _shifted(x)
        self._x[:, self.is_constant] = 0
        self._sums: Doubles = self._x.sum(axis=0, dtype=np.float64)

    @cached_property
    def gram(self) -> Doubles:
        """Products of the centred columns, ``(n_features, n_features)``.

        A constant column has the largest square of all instead of zero, so that it can
        be factorized with the others.
        """
        # NumPy computes one half of such a product and copies it to the other.
        products: Doubles = (self._x.T @ self._x).astype(np.float64, copy=False)
        # In place: the transpose of a symmetric matrix is itself, in BLAS's order.
        scale = -1 / self.n_rows
        blas.dger(scale, self._sums, self._sums, a=products.T, overwrite_a=1)
        largest = products.diagonal().max()
        products[self.is_constant, self.is_constant] = largest if largest > 0 else 1
        return products

    @cached_property
    def norms(self) -> Doubles:
        """Lengths of the centred columns, ``(n_features,)``."""
        squares = np.zeros(self.n_features)
        for _, block in self._blocks():
            squares += np.einsum("ij,ij->j", block, block)
        centred = squares - self._sums**2 / self.n_rows
        norms: Doubles = np.sqrt(np.maximum(centred, 0))
        return norms

    def exposures(self, values: Floats) -> Doubles:
        """Correlate predictions with every feature.

        Args:
            values: ``(rows,)`` or ``(rows, k)`` predictions of k models, as they are.

        Returns:
            Pearson correlations, ``(n_features,)`` or ``(n_features, k)``; NaN where
            all values of a feature or of a model are equal.
        """
        columns = self.columns_of(values)
        centred = columns - columns.mean(axis=0)
        centred[:, np.ptp(columns, axis=0) == 0] = 0
        norms = self.norms[:, None] * np.sqrt((centred**2).sum(axis=0))
        with np.errstate(invalid="ignore"):
            found = self.products(centred) / np.where(norms > 0, norms, np.nan)
        return found.reshape(self.n_features, *values.shape[1:])

    def projection(self, places: Rows | None = None) -> "Projection":
        """Return the projection onto features and a column of ones.

        Args:
            places: columns that it takes; all if None.
        """
        return Projection(self, places)

    def products(self, centred: Doubles) -> Doubles:
        """Multiply every feature with ``(rows, k)`` centred values.

        Returns:
            ``(n_features, k)``.
        """
        found = np.zeros((self.n_features, centred.shape[1]))
        for rows, block in self._blocks():
            found += block.T @ centred[rows]
        return found

    def combination(self, weights: Doubles) -> Doubles:
        """Add up the centred features by ``(n_features, k)`` weights.

        Returns:
            ``(rows, k)``.
        """
        found = np.empty((self.n_rows, weights.shape[1]))
        for rows, block in self._blocks():
            np.matmul(block, weights, out=found[rows])
        return found - (self._sums / self.n_rows) @ weights

    def columns_of(self, values: Floats) -> Doubles:
        """Return ``(rows,)`` or ``(rows, k)`` predictions as ``(rows, k)`` float64.

        Raises:
            DataError: if there are other rows than those of the features.
        """
        if len(values) != self.n_rows:
            raise DataError(
                f"there are {len(values):,} predictions for the features of "
                f"{self.n_rows:,} rows. Pass the rows of the same era."
            )
        return np.asarray(values, np.float64).reshape(self.n_rows, -1)

    def _blocks(self) -> Iterator[tuple[slice, Doubles]]:
        """Yield the features as float64, some rows at a time."""
        n_rows = max(1, _VALUES_AT_ONCE // max(1, self.n_features))
        for start in range(0, self.n_rows, n_rows):
            rows = slice(start, start + n_rows)
            yield rows, self._x[rows].astype(np.float64, copy=False)


class Projection:
    """The part of predictions that features and a column of ones explain.

    Attributes:
        rank: independent columns among the features.
    """

    def __init__(self, features: EraFeatures, places: Rows | None = None) -> None:
        """Factorize the products of some features.

        Args:
            features: of the era.
            places: columns that the projection takes; all if None.
        """
        self._features = features
        gram = features.gram
        if places is None:
            places = np.arange(features.n_features)
        else:
            places = np.unique(places)
            gram = gram[np.ix_(places, places)]
        self._factor, order, self._n_kept = _factorized(gram)
        self._order = places[order]
        self.rank = self._n_kept - int(features.is_constant[places].sum())

    @property
    def is_defined(self) -> bool:
        """Whether the features leave more than rounding of a prediction."""
        return self.rank <= _MAX_RANK * self._features.n_rows

    def explained(self, values: Floats) -> Doubles:
        """Return the part of predictions that the features and ones explain.

        Args:
            values: ``(rows,)`` or ``(rows, k)``, finite.

        Returns:
            The shape of ``values``.
        """
        columns = self._features.columns_of(values)
        means = columns.mean(axis=0)
        weights = np.zeros((self._features.n_features, columns.shape[1]))
        products = self._features.products(columns - means)[self._order]
        products[self._n_kept :] = 0
        weights[self._order] = lapack.dpotrs(self._factor, products)[0]
        found: Doubles = self._features.combination(weights) + means
        return found.reshape(np.shape(values))

    def neutralize(self, values: Floats, proportion: float = 1.0) -> Doubles:
        """Take the explained part from predictions.

        Args:
            values: ``(rows,)`` or ``(rows, k)``, finite.
            proportion: share of the explained part that is taken, 0 to 1.

        Returns:
            The shape of ``values``.

        Source: ``neutralize`` of numerai-tools.
        """
        return np.asarray(values, np.float64) - proportion * self.explained(values)


def fnc_of_era(predictions: Floats, targets: Floats, projection: Projection) -> Doubles:
    """Score what predictions say beyond the features: one FNC per model.

    Args:
        predictions: ``(rows, k)`` float, any scale, of k models. They are ranked,
            gaussianized and neutralized before they are scored like CORR.
        targets: ``(rows,)`` float; rows without a target (NaN) are neutralized, too,
            but not scored.
        projection: of the era and the feature set.

    Returns:
        ``(k,)``; NaN where the projection is not defined, the predictions are all equal
        or not all finite, the features leave nothing of them, or the targets are equal.

    Source: ``feature_neutral_corr`` of numerai-tools. Its division by the std is left
    out: the ranks do not see it.
    """
    scores = np.full(predictions.shape[1], np.nan)
    if not projection.is_defined:
        return scores
    scored = [at for at, one in enumerate(predictions.T) if _is_ranked(one)]
    if not scored:
        return scores
    ranked = np.column_stack([gaussian_ranks(predictions[:, at]) for at in scored])
    neutral = projection.neutralize(ranked)
    is_left = neutral.std(axis=0) > _NO_REMAINDER * ranked.std(axis=0)
    for at, column, left in zip(scored, neutral.T, is_left, strict=True):
        scores[at] = corr_of_era(column, targets) if left else np.nan
    return scores


def neutral_of_era(
    predictions: Floats, projection: Projection, proportion: float
) -> Doubles:
    """Rank and gaussianize predictions, and take a share of the explained part out.

    Args:
        predictions: ``(rows,)`` float, any scale.
        projection: of the era's columns.
        proportion: share of the explained part that is taken, 0 to 1.

    Returns:
        ``(rows,)``: 0 where the columns leave nothing but rounding; NaN where one of
        the predictions is NaN or infinite.

    Source: ``tie_kept_rank``, ``gaussian`` and ``neutralize`` of numerai-tools.
    """
    if not np.isfinite(predictions).all():
        return np.full(len(predictions), np.nan)
    ranked = gaussian_ranks(predictions)
    neutral = projection.neutralize(ranked, proportion)
    is_left = neutral.std() > _NO_REMAINDER * ranked.std()
    return neutral if is_left else np.zeros(len(neutral))


def _factorized(gram: Doubles) -> tuple[Doubles, Rows, int]:
    """Factorize the products of columns.

    Returns:
        The Cholesky factor, upper half, the order of its columns, and how many of them
        are independent; the others, at the end, have a factor of one.
    """
    least = _TOLERANCE * float(gram.diagonal().max())
    # Without pivoting it takes two thirds of the time, and few sets have copies.
    factor, failed_at = lapack.dpotrf(gram.T, clean=0)
    if failed_at == 0 and float(factor.diagonal().min()) ** 2 > least:
        return factor, np.arange(len(gram)), len(gram)
    factor, pivots, rank, _ = lapack.dpstrf(gram.T, tol=least)
    factor[:, rank:] = 0
    np.fill_diagonal(factor[rank:, rank:], 1)
    return factor, pivots - 1, int(rank)


def _is_ranked(column: Floats) -> bool:
    """Return whether ranks of ``(rows,)`` predictions say something."""
    return bool(np.isfinite(column).all() and np.ptp(column) > 0)


def _shifted(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the features near zero: exact float32 if they can be, or float64."""
    if np.issubdtype(x.dtype, np.integer) and x.size:
        least, most = int(x.min()), int(x.max())
        middle = (least + most) // 2
        if (most - middle) ** 2 * len(x) < _EXACT_BELOW:
            return np.ascontiguousarray(x, np.float32) - np.float32(middle)
    columns = np.array(x, np.float64, order="C")
    columns -= columns.mean(axis=0)
    return columns
