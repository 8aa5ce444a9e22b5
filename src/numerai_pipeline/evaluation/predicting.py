"""From a run and rows to one prediction per row: what scores and live rounds share.

Whatever is done to a model's output after the model, such as blending members or
neutralizing, is done here, so that a score cannot be of something else than what is
submitted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Progress
from numerai_pipeline.data import Block, Part, ShardReader, decode_features
from numerai_pipeline.evaluation.neutralizing import neutralized
from numerai_pipeline.scoring import mean_rank
from numerai_pipeline.training import Run


class RowSource(Protocol):
    """Rows to predict, whole eras of them; they can be read more than once."""

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        ...

    @property
    def benchmarks(self) -> tuple[Path, ...]:
        """Files with the predictions of Numerai's benchmark models for them."""
        ...

    def blocks(self, features: Sequence[str]) -> Iterator[Block]:
        """Read the rows, always in the same order, with some features."""
        ...


@dataclass(frozen=True)
class ShardRows:
    """Rows of shards; see ``RowSource``.

    Attributes:
        reader: the shards.
        part: which rows.
        targets: read into ``y`` of the blocks.
        benchmarks: Numerai's benchmark files of these rows.
    """

    reader: ShardReader
    part: Part
    targets: tuple[str, ...] = ()
    benchmarks: tuple[Path, ...] = ()

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self.reader.n_rows(self.part.split, self.part.eras)

    def blocks(self, features: Sequence[str]) -> Iterator[Block]:
        """Read the rows, era by era, ascending."""
        return self.reader.blocks(
            self.part.split,
            eras=self.part.eras,
            features=features,
            targets=self.targets,
        )


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """Predictions, in the order of the source.

    Attributes:
        ids: ``(rows,)`` S16.
        eras: ``(rows,)`` int16.
        y: ``(rows, T)`` float32, the source's targets.
        predictions: ``(rows,)`` float, any scale; only the order within an era counts.
        raw: ``(rows,)``, the same before ``[prediction]``; None: there is no such step.
    """

    ids: npt.NDArray[np.bytes_]
    eras: npt.NDArray[np.int16]
    y: npt.NDArray[np.float32]
    predictions: npt.NDArray[np.floating[Any]]
    raw: npt.NDArray[np.floating[Any]] | None = None


def predict_rows(run: Run, rows: RowSource, progress: Progress) -> PredictedRows:
    """Predict rows with a run: its model's output, then the steps of ``[prediction]``.

    One block of features, or one era of those to neutralize to, is in memory at a time.

    Args:
        run: a finished run.
        rows: what to predict.
        progress: where to report.

    Raises:
        DataError: if a file of the run or of the rows is broken, or the rows lack a
            feature, or cannot be neutralized.
    """
    predictor = run.predictor()
    pieces = []
    title = f"predicting with {run.name}"
    with progress.task(title, rows.n_rows, "rows") as advance:
        for block in rows.blocks(run.features):
            predictions = predictor.predict(decode_features(block.x, run.missing))
            pieces.append((block.ids, block.eras, block.y, predictions))
            advance(len(block))
    ids, eras, y, predictions = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    found = PredictedRows(ids, eras, y, mean_rank(predictions, eras))
    return neutralized(found, run, rows, progress)
