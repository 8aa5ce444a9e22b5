"""The rows that can be learned from or scored: those with a target; their weights."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError
from numerai_pipeline.data import Part, ShardReader, format_eras
from numerai_pipeline.models import TreesTraining
from numerai_pipeline.scoring import corr_per_era, mean_rank

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Labels:
    """Targets and eras of a part of a fold, in the order of the shards.

    Attributes:
        values: ``(rows,)`` float32, the target; rows without it are left out.
        eras: ``(rows,)`` int16.
    """

    values: npt.NDArray[np.float32]
    eras: npt.NDArray[np.int16]

    @classmethod
    def read(
        cls,
        reader: ShardReader,
        part: Part,
        target: str,
    ) -> "Labels":
        """Read them.

        Args:
            reader: the shards.
            part: which rows.
            target: name of the target.

        Raises:
            DataError: if no row has the target.
        """
        values = []
        row_eras = []
        for block in reader.blocks(
            part.split, eras=part.eras, features=(), targets=(target,)
        ):
            has_target = ~np.isnan(block.y[:, 0])
            values.append(block.y[has_target, 0])
            row_eras.append(block.eras[has_target])
        labels = cls(np.concatenate(values), np.concatenate(row_eras))
        if labels.values.size == 0:
            raise DataError(
                f"no row of the eras {format_eras(part.eras)} in {reader.folder} has a "
                f"value of '{target}'. Choose another target in model.toml."
            )
        return labels

    def by_era(self) -> "Labels":
        """Return the same rows era by era, ascending, in their order within each."""
        order = np.argsort(self.eras, kind="stable")
        return Labels(self.values[order], self.eras[order])

    def corr(self, predictions: npt.NDArray[np.float32]) -> float:
        """Return the mean CORR of the eras; NaN if no era's predictions differ.

        Args:
            predictions: ``(rows,)``, in the same order; or ``(rows, n)``, whose ranks
                within the era are averaged, as prediction does.
        """
        one = mean_rank(predictions, self.eras)
        return corr_per_era(one, self.values, self.eras).summary().mean


def resolved_eras(
    reader: ShardReader, target: str, *, purge: int = 0
) -> tuple[int, ...]:
    """Return the eras of all splits with a target, ascending.

    Args:
        reader: the shards.
        target: name of the target.
        purge: eras to leave out before the lockbox, which is left out itself.

    Raises:
        DataError: if no row has the target, or the lockbox takes all eras.
    """
    eras = reader.eras(purge=purge)
    if not eras:
        raise DataError(
            f"{reader.folder} has no eras to learn from. {reader.about_lockbox(purge)}"
        )
    labels = Labels.read(reader, Part(eras), target)
    return tuple(np.unique(labels.eras).tolist())


def balancing_weights(eras: npt.NDArray[np.int16]) -> Weights:
    """Return ``(rows,)`` weights with which every era weighs the same; their mean is 1.

    >>> balancing_weights(np.array([1, 1, 1, 1, 2, 2], np.int16)).tolist()
    [0.75, 0.75, 0.75, 0.75, 1.5, 1.5]
    """
    of_era = era_weights(eras)
    found, of_row = np.unique(eras, return_inverse=True)
    weights = np.array([of_era[era] for era in found.tolist()], np.float32)
    return weights[of_row]


def era_weights(eras: npt.NDArray[np.int16]) -> dict[int, float]:
    """Return the weight of a row by its era, with which every era weighs the same.

    It is the mean size of an era divided by the size of its own, so that the mean over
    the rows is 1.

    Args:
        eras: ``(rows,)``, in any order.
    """
    found, sizes = np.unique(eras, return_counts=True)
    return dict(zip(found.tolist(), (sizes.mean() / sizes).tolist(), strict=True))


def base_weights(labels: Labels, training: TreesTraining) -> Weights | None:
    """Return ``(rows,)`` weights of the training rows; None: all the same."""
    if training.era_weights == "rows":
        return None
    return balancing_weights(labels.eras)


def boosted_weights(
    base: Weights | None,
    labels: Labels,
    predictions: npt.NDArray[np.float64],
    share: float,
) -> Weights:
    """Return weights that are zero but for the worst eras.

    Args:
        base: weights without boosting.
        labels: targets and eras of the training rows.
        predictions: ``(rows,)`` of all trees so far.
        share: of the eras that are kept, those with the lowest CORR; at least one.
            An era whose predictions are all equal counts as 0.
    """
    scores = corr_per_era(predictions.astype(np.float32), labels.values, labels.eras)
    values = np.nan_to_num(np.asarray(scores.values, np.float64))
    n_kept = max(1, round(share * len(values)))
    worst = np.asarray(scores.eras)[np.argsort(values, kind="stable")[:n_kept]]
    weights = np.ones(len(labels.eras), np.float32) if base is None else base.copy()
    weights[~np.isin(labels.eras, worst)] = 0
    return weights
