"""The rows that a ridge regression learns from or is chosen on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError
from numerai_pipeline.data import Part, ShardReader, decode_features, format_eras
from numerai_pipeline.models import RidgeTraining
from numerai_pipeline.training.labels import era_weights
from numerai_pipeline.training.task import Task

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RowBlock:
    """Rows of one era.

    Attributes:
        x: ``(rows, F)`` float32, as a model sees them.
        y: ``(rows, T)`` float32; the first one is never NaN.
        era: their era.
        n_read: rows that were read for them, with those that lack the first target.
    """

    x: Features
    y: Features
    era: int
    n_read: int


@dataclass(frozen=True)
class RidgeRows:
    """Rows of a part of a fold that have the first of some targets.

    Attributes:
        reader: the shards.
        part: which rows.
        features: names of the features, in order.
        targets: names of targets.
        missing: value of a missing feature.
    """

    reader: ShardReader
    part: Part
    features: tuple[str, ...]
    targets: tuple[str, ...]
    missing: float

    @classmethod
    def of(cls, task: Task, part: Part, targets: Sequence[str]) -> "RidgeRows":
        """Return the rows of a part of a task's fold."""
        plan = task.plan
        missing = plan.checked.recipe.missing
        return cls(plan.reader, part, plan.features, tuple(targets), missing)

    @property
    def n_read(self) -> int:
        """Rows that ``blocks`` reads, with those that lack the first target."""
        return self.reader.n_rows(self.part.split, self.part.eras)

    def blocks(self, start_block: int = 0) -> Iterator[RowBlock]:
        """Read them era by era, in blocks of up to 2,048 rows.

        Args:
            start_block: blocks to leave out at the beginning.
        """
        for block in self.reader.blocks(
            self.part.split,
            eras=self.part.eras,
            features=self.features,
            targets=self.targets,
            start_block=start_block,
        ):
            known = ~np.isnan(block.y[:, 0])
            x, y = (
                (block.x, block.y) if known.all() else (block.x[known], block.y[known])
            )
            yield RowBlock(
                decode_features(x, self.missing), y, int(block.eras[0]), len(block)
            )


@dataclass(frozen=True)
class TargetGroup:
    """Targets that the very same training rows have, so that they share products.

    Attributes:
        places: of the targets among those of the model.
        targets: their names.
        weights: weight of a row by its era.
    """

    places: list[int]
    targets: tuple[str, ...]
    weights: Mapping[int, float]


def target_groups(task: Task) -> list[TargetGroup]:
    """Return the targets of a model by the training rows that have them.

    Raises:
        DataError: if no row has a target.
    """
    part, reader = task.model.fold.part("train"), task.plan.reader
    # Not the blocks themselves: each holds all the bytes that it was read from.
    read = [
        (~np.isnan(block.y), block.eras)
        for block in reader.blocks(
            part.split, eras=part.eras, features=(), targets=task.model.targets
        )
    ]
    known, eras = map(np.concatenate, zip(*read, strict=True))
    groups: dict[bytes, list[int]] = {}
    for place, target in enumerate(task.model.targets):
        if not known[:, place].any():
            raise DataError(
                f"no row of the eras {format_eras(part.eras)} in {reader.folder} has a "
                f"value of '{target}'. Choose another target in model.toml."
            )
        groups.setdefault(known[:, place].tobytes(), []).append(place)
    return [
        TargetGroup(
            places,
            tuple(task.model.targets[place] for place in places),
            _weights(eras[known[:, places[0]]], cast(RidgeTraining, task.training)),
        )
        for places in groups.values()
    ]


def _weights(
    eras: npt.NDArray[np.int16], training: RidgeTraining
) -> Mapping[int, float]:
    """Return the weight of a row by its era."""
    if training.era_weights == "rows":
        return dict.fromkeys(np.unique(eras).tolist(), 1.0)
    return era_weights(eras)
