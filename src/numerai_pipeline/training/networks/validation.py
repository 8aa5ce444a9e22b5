"""How good a network is on validation eras."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError
from numerai_pipeline.data import PackedRows, Part, ShardReader
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.networks.losses import TargetLoss
from numerai_pipeline.training.networks.steps import Devices, Steps

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ValidationRows:
    """Rows that choose the best epoch.

    Attributes:
        rows: those with the first target, in the order of the shards.
        labels: that target, and eras.
        targets: ``(rows, T)`` all targets, NaN where a further one is missing.
    """

    rows: PackedRows
    labels: Labels
    targets: Values

    @classmethod
    def read(
        cls,
        reader: ShardReader,
        part: Part,
        *,
        features: tuple[str, ...],
        targets: tuple[str, ...],
        labels: Labels,
    ) -> "ValidationRows":
        """Read them.

        Raises:
            DataError: if no row has all targets.
        """
        rows = reader.load(
            part.split, features=features, target=targets[0], eras=part.eras
        )
        wanted = np.concatenate(
            [
                block.y[~np.isnan(block.y[:, 0])]
                for block in reader.blocks(
                    part.split, eras=part.eras, features=(), targets=targets
                )
            ]
        )
        if np.isnan(wanted).any(axis=1).all():
            raise DataError(
                f"no validation row in {reader.folder} has all of "
                f"{', '.join(targets)}. Choose other also_targets in model.toml."
            )
        return cls(rows, labels, wanted)

    def evaluate(
        self, steps: Steps, devices: Devices, loss: TargetLoss, dataset: Any
    ) -> dict[str, float]:
        """Let a network predict them and measure how good it is.

        Args:
            steps: what the network does with a batch.
            devices: where it does it.
            loss: its loss.
            dataset: ``rows``, as they are stored, from ``Devices.share_out``.

        Returns:
            What was measured, by column of the history.
        """
        values, losses, start = [], [], 0
        for batch in dataset:
            found = steps.evaluate(*batch)
            for head, value, share in zip(
                *(devices.parts(part) for part in (*found, batch[2])), strict=True
            ):
                # A device without rows was given a padding row.
                n_rows = int(np.count_nonzero(share))
                if not n_rows:
                    continue
                wanted = self.targets[start : start + n_rows]
                values.append(value)
                losses.append(
                    head if loss.is_of_batch else _of_rows(loss, wanted, head)
                )
                start += n_rows
        val_loss = self._mean(loss, np.concatenate(losses))
        if not math.isfinite(val_loss):
            return {"val_loss": val_loss}
        val_corr = self.labels.corr(np.concatenate(values))
        return {"val_loss": val_loss, "val_corr": val_corr}

    def _mean(self, loss: TargetLoss, found: Values) -> float:
        """Return the mean over rows, or over eras of a loss per era."""
        is_whole = ~np.isnan(self.targets).any(axis=1)
        if not loss.is_of_batch:
            return float(found[is_whole].mean(dtype=np.float64))
        of_eras = []
        for era in np.unique(self.labels.eras[is_whole]):
            rows = is_whole & (self.labels.eras == era)
            of_eras.append(_of_rows(loss, self.targets[rows], found[rows])[0])
        return float(np.mean(of_eras, dtype=np.float64))


def _of_rows(loss: TargetLoss, targets: Values, head: Values) -> Values:
    return np.asarray(loss.call(targets, head))
