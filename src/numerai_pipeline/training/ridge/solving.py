"""From sums of products to the coefficients for every penalty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from numerai_pipeline.models import predict_linear
from numerai_pipeline.training.ridge.products import Products

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solutions:
    """Ridge regressions of T targets with K penalties.

    Attributes:
        coefficients: ``(F, K, T)`` float64.
        intercepts: ``(K, T)`` float64.
        losses: ``(K, T)`` float64, the mean squared error of the training rows.
    """

    coefficients: Doubles
    intercepts: Doubles
    losses: Doubles

    @classmethod
    def empty(cls, n_features: int, n_penalties: int, n_targets: int) -> "Solutions":
        """Return room for the regressions of all targets."""
        shape = (n_penalties, n_targets)
        return cls(np.empty((n_features, *shape)), np.empty(shape), np.empty(shape))

    def put(self, places: list[int], found: "Solutions") -> None:
        """Take over the regressions of some of the targets."""
        self.coefficients[:, :, places] = found.coefficients
        self.intercepts[:, places] = found.intercepts
        self.losses[:, places] = found.losses

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return ``(rows, K, T)`` predictions for ``(rows, F)`` features."""
        flat = predict_linear(
            features, self.coefficients.reshape(len(self.coefficients), -1)
        )
        found = flat.reshape(len(features), *self.intercepts.shape) + self.intercepts
        return found.astype(np.float32)


def solve(products: Products, penalties: Sequence[float]) -> Solutions:
    """Return the regressions of all targets with all penalties.

    With the eigenvectors V and the eigenvalues d of the products of the centred
    features, the coefficients are V (d + penalty)^-1 V' X'y. Directions in which no
    features vary get none: with penalty 0 the solution is the one of the smallest
    norm.

    Args:
        products: of the training rows; the products of its features are overwritten.
        penalties: K of them, 0 or more, in the units of scikit-learn's alpha.

    Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 3.4.1.
    """
    n_rows = products.own[0, 0]
    sums, of_targets = products.cross[:, 0], products.own[0, 1:]
    right = products.cross[:, 1:] - np.outer(sums, of_targets / n_rows)
    largest = float(products.gram.diagonal().max())
    centred = blas.dsyr(-1 / n_rows, sums, a=products.gram, overwrite_a=1)
    values, vectors = np.linalg.eigh(centred, UPLO="U")
    alphas = np.array(penalties)
    inverse = _inverse(values, alphas, largest)
    shrunk = inverse[:, :, None] * (vectors.T @ right)[:, None, :]
    coefficients = (vectors @ shrunk.reshape(len(values), -1)).reshape(shrunk.shape)
    squares = products.own.diagonal()[1:] - of_targets**2 / n_rows
    errors = (
        squares
        - np.einsum("fkt,ft->kt", coefficients, right)
        - alphas[:, None] * np.einsum("fkt,fkt->kt", coefficients, coefficients)
    )
    means = np.einsum("f,fkt->kt", sums, coefficients)
    return Solutions(
        coefficients=coefficients,
        intercepts=(of_targets - means) / n_rows,
        losses=np.maximum(errors, 0) / n_rows,
    )


def _inverse(values: Doubles, alphas: Doubles, largest: float) -> Doubles:
    """Return ``(F, K)`` 1 / (value + penalty), zero where the value is rounding.

    Args:
        values: ``(F,)`` eigenvalues, ascending.
        alphas: ``(K,)`` penalties.
        largest: square of a feature before centring, which leaves rounding of it.
    """
    rounding = max(float(values[-1]), largest) * len(values) * np.finfo(float).eps
    shape = (len(values), len(alphas))
    varies = np.broadcast_to((values > rounding)[:, None], shape)
    inverse: Doubles = np.zeros(shape)
    np.divide(1.0, values[:, None] + alphas, out=inverse, where=varies)
    return inverse
