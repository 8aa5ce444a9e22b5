"""Sums of products of features and targets, exact where features are whole numbers."""

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from numerai_pipeline.core import DataError, atomic_path, columns, retrain
from numerai_pipeline.models import in_doubles

Doubles = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

# float32 holds every whole number up to this.
_EXACT_UP_TO = 2**24

# Columns of the products that are added at once: 5 MB at full width.
_COLUMNS_AT_ONCE = 256

_ARRAYS = ("gram", "cross", "own")


class Products:
    """Weighted sums over rows: all that a ridge regression needs to know of them.

    Products of features are added up in float32, which is exact as long as features are
    small whole numbers and the sums stay below 2^24: for the values 0 to 4 over a
    million rows. Then they go, with their weight, into float64. Of features that are no
    whole numbers, by the recipe's ``missing``, everything is float64.

    Attributes:
        gram: ``(F, F)`` float64, X'WX; the upper half.
        cross: ``(F, 1 + T)`` float64, X'W[1 Y].
        own: ``(1 + T, 1 + T)`` float64, [1 Y]'W[1 Y].
    """

    def __init__(self, n_features: int, n_targets: int, *, missing: float) -> None:
        """Start with no rows.

        Args:
            n_features: F.
            n_targets: T.
            missing: value of a missing feature; the others are 0 to 4.
        """
        self.gram: Doubles = np.zeros((n_features, n_features), order="F")
        self.cross: Doubles = np.zeros((n_features, 1 + n_targets))
        self.own: Doubles = np.zeros((1 + n_targets, 1 + n_targets))
        largest = max(abs(missing), columns.MISSING_CODE - 1.0)
        self._rows_exact = (
            int(_EXACT_UP_TO // largest**2) if missing.is_integer() else 0
        )
        dtype = np.float32 if self._rows_exact else np.float64
        self._sum = np.zeros((n_features, n_features), dtype, order="F")
        self._n_summed, self._weight = 0, 1.0

    def add(self, x: Features, y: Features, weight: float = 1.0) -> None:
        """Add rows.

        Args:
            x: ``(rows, F)`` float32.
            y: ``(rows, T)`` float32, never NaN.
            weight: of each of the rows.
        """
        if weight != self._weight:
            self.settle()
            self._weight = weight
        step = max(1, self._rows_exact or len(x))
        for start in range(0, len(x), step):
            self._add_squares(x[start : start + step])
        known = np.column_stack([np.ones(len(y)), y.astype(np.float64)])
        self.own += weight * (known.T @ known)
        known *= weight
        for rows, block in in_doubles(x):
            self.cross += block.T @ known[rows]

    def settle(self) -> None:
        """Move what was added up so far into ``gram``, with its weight."""
        for start in range(0, len(self.gram), _COLUMNS_AT_ONCE):
            stop = start + _COLUMNS_AT_ONCE
            upper = (slice(None, stop), slice(start, stop))
            self.gram[upper] += np.multiply(
                self._sum[upper], self._weight, dtype=np.float64
            )
            self._sum[upper] = 0
        self._n_summed = 0

    def save(self, path: Path, *, n_blocks: int, n_rows: int) -> None:
        """Write a checkpoint: the sums over the first blocks, and how many they are."""
        self.settle()
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with atomic_path(path) as partial, partial.open("wb") as file:
            np.savez(file, n_blocks=n_blocks, n_rows=n_rows, **arrays)

    def restore(self, path: Path) -> tuple[int, int]:
        """Read a checkpoint, if there is one.

        Returns:
            How many blocks and rows were added before it was written.

        Raises:
            DataError: if it is broken.
        """
        if not path.is_file():
            return 0, 0
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                for name in _ARRAYS:
                    getattr(self, name)[...] = found[name]
                return int(found["n_blocks"]), int(found["n_rows"])
        except (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path} is not a whole checkpoint ({error}). {retrain(path)}"
            ) from error

    def _add_squares(self, x: Features) -> None:
        if self._rows_exact and self._n_summed + len(x) > self._rows_exact:
            self.settle()
        # One half of the matrix: half the work of a product of any two matrices.
        syrk = blas.ssyrk if self._rows_exact else blas.dsyrk
        rows = x.astype(self._sum.dtype, copy=False)
        self._sum = syrk(1.0, rows.T, beta=1.0, c=self._sum, overwrite_c=1)
        self._n_summed += len(x)
