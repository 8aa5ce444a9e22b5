"""Where the engines report an epoch: history, curves, and when to stop."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numerai_pipeline.core import DataError, Progress
from numerai_pipeline.models import TrainingTable
from numerai_pipeline.training.history import (
    COLUMNS,
    Chart,
    Epoch,
    best_row,
    read_history,
    stale_epochs,
    write_history,
)
from numerai_pipeline.training.tensorboard import TensorBoardWriter


class Recorder:
    """The history of a run while it grows.

    ``history.csv`` is the run's memory: an epoch is done when its line is there.
    """

    def __init__(
        self,
        path: Path,
        training: TrainingTable,
        *,
        unit: str,
        tensorboard: Path | None,
        progress: Progress,
        title: str = "",
        has_validation: bool = True,
    ) -> None:
        self._path = path
        self._training = training
        self._unit = unit
        self.progress = progress
        self._has_validation = has_validation
        self._title = title
        self.rows = read_history(path)
        self._curves = tensorboard
        self._tensorboard = self._open_curves()

    @property
    def best(self) -> Epoch | None:
        """The best epoch so far, or the last one without validation eras, or None."""
        return self._best(self.rows)

    @property
    def is_patience_over(self) -> bool:
        """Whether too many epochs passed without an improvement that counts."""
        if not self._has_validation:
            return False
        stale = stale_epochs(
            self.rows, self._training.monitor, self._training.threshold
        )
        return stale >= self._training.patience

    def record(self, epoch: int, **measured: float) -> None:
        """Add an epoch.

        Args:
            epoch: its number.
            measured: its values by column; a column that is left out is NaN.

        Raises:
            DataError: if its validation loss becomes NaN or infinite.
        """
        row = Epoch(
            epoch=epoch,
            is_best=False,
            **{name: measured.pop(name, math.nan) for name in COLUMNS},
            **measured,
        )
        if self._has_validation and not math.isfinite(row.val_loss):
            raise DataError(
                f"the loss on the validation eras is {row.val_loss} after {self._unit} "
                f"{epoch}. Lower learning_rate in model.toml, then train again."
            )
        rows = [*self.rows, row]
        if self._best(rows) is row:
            rows[-1] = replace(row, is_best=True)
        write_history(rows, self._path)
        self.rows = rows
        if self._tensorboard is not None:
            self._tensorboard.add(rows[-1])
        self.progress.chart(self.chart())

    def begin_again(self) -> None:
        """Forget all epochs: what they came from cannot be resumed."""
        self._path.unlink(missing_ok=True)
        self.rows = []
        self.close()
        self._tensorboard = self._open_curves()

    def _open_curves(self) -> TensorBoardWriter | None:
        if self._curves is None:
            return None
        return TensorBoardWriter(self._curves, self.rows, unit=self._unit)

    def _best(self, rows: Sequence[Epoch]) -> Epoch | None:
        if not self._has_validation:
            return rows[-1] if rows else None
        return best_row(rows, self._training.monitor)

    def chart(self) -> Chart:
        """Return the curves so far."""
        return Chart(self._title, self._unit, tuple(self.rows), self._training.monitor)

    def watch(self, model: Any) -> None:
        """Write what TensorBoard shows of a network; call it before ``record``.

        Does nothing where no TensorBoard was asked for.
        """
        if self._tensorboard is not None:
            self._tensorboard.add_network(model, len(self.rows) + 1)

    def close(self) -> None:
        """Close the files of TensorBoard."""
        if self._tensorboard is not None:
            self._tensorboard.close()
