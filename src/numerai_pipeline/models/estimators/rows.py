"""What an estimator's ``fit`` is handed: the protocol of its rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Dtype = Literal["float32", "int8"]


class Batch(NamedTuple):
    """Some rows; the arrays are the receiver's own.

    Attributes:
        x: ``(rows, F)`` float32 or int8: bins 0..4, and the recipe's ``missing``.
        y: ``(rows,)`` float32, the target; never NaN.
        eras: ``(rows,)`` int16.
        weights: ``(rows,)`` float32 with ``era_weights = "eras"``, else None.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[np.float32]
    eras: npt.NDArray[np.int16]
    weights: npt.NDArray[np.float32] | None


class PartRows(Protocol):
    """The rows of a part of a fold that have the target, era by era."""

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        ...

    @property
    def y(self) -> npt.NDArray[np.float32]:
        """``(rows,)`` float32, the target, read-only."""
        ...

    @property
    def eras(self) -> npt.NDArray[np.int16]:
        """``(rows,)`` int16, ascending, read-only."""
        ...

    @property
    def weights(self) -> npt.NDArray[np.float32] | None:
        """``(rows,)`` float32, read-only; None unless ``era_weights = "eras"``."""
        ...

    def batches(
        self, batch_rows: int, *, epoch: int | None = None, dtype: Dtype = "float32"
    ) -> Iterator[Batch]:
        """Give all rows once, in bounded memory.

        Args:
            batch_rows: rows per batch; the last one has the rest.
            epoch: shuffles the rows, by the seed and this number alone; None: in the
                order of ``y``.
            dtype: of ``x``; int8 takes a quarter of the memory.

        Raises:
            ConfigError: if ``missing`` is not a whole number that fits into int8.
        """
        ...

    def read(self, dtype: Dtype = "float32") -> Batch:
        """Return all rows at once, in the order of ``y``.

        Raises:
            ConfigError: if they do not fit into the memory of ``--max-ram``, or
                ``missing`` does not fit into int8.
        """
        ...


class TrainingRows(PartRows, Protocol):
    """The rows to learn from, and the state of the training."""

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        ...

    @property
    def done(self) -> int:
        """The last step that is recorded; 0 at the beginning.

        It is above 0 where a killed training goes on: only if the estimator's own
        checkpoints are there, or it is loaded as it was (``resumes = True``).
        """
        ...

    @property
    def n_steps(self) -> int | None:
        """How many steps to train in a refit; None: as many as the recipe says."""
        ...

    @property
    def checkpoints(self) -> Path:
        """A folder for the estimator's own checkpoints; deleted after the training."""
        ...

    @property
    def validation(self) -> PartRows | None:
        """The rows to evaluate on; None in a refit, which has none."""
        ...

    def evaluate(self, step: int, *, loss: float = float("nan")) -> bool:
        """Predict the validation rows, record a line, keep the best estimator.

        Args:
            step: number of the step that is done, ascending from 1.
            loss: the training loss, if it is known, for the curves.

        Returns:
            Whether to go on; not if the patience is over, or ``n_steps`` is reached.
        """
        ...
