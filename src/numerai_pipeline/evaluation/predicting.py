"""From a run and rows to one prediction per row: what scores and live rounds share.

Whatever is done to a model's output after the model, such as blending members or
neutralizing, is done here, so that a score cannot be of something else than what is
submitted.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, PipelineError, Progress
from numerai_pipeline.data import Block, Part, ShardReader, decode_features
from numerai_pipeline.evaluation.ensembles.members import cannot_predict, open_member
from numerai_pipeline.evaluation.ensembles.weight_file import EnsembleWeights
from numerai_pipeline.evaluation.neutralizing import neutralized
from numerai_pipeline.models import ensemble_parameters
from numerai_pipeline.scoring import mean_rank
from numerai_pipeline.training import Member, Run

# Of an ensemble without its missing members; less of it would be another model.
_LEAST_WEIGHT = 0.5 - 1e-9

# Called with a sentence for each member that an ensemble predicts without.
OnMissing = Callable[[str], None]


class RowSource(Protocol):
    """Rows to predict, whole eras of them; they can be read more than once."""

    @property
    def is_live(self) -> bool:
        """Whether they are of a round that is open, later than all that is known."""
        ...

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
    def is_live(self) -> bool:
        """They are not."""
        return False

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


def predict_rows(
    run: Run,
    rows: RowSource,
    progress: Progress,
    on_missing: OnMissing = lambda _sentence: None,
) -> PredictedRows:
    """Predict rows with a run: its model's output, then the steps of ``[prediction]``.

    One block of features, or one era of those to neutralize to, is in memory at a time,
    and of an ensemble what each member predicts.

    Args:
        run: a finished run.
        rows: what to predict.
        progress: where to report.
        on_missing: called for each member of an ensemble that is left out.

    Raises:
        DataError: if a file of the run or of the rows is broken, the rows lack a
            feature or cannot be neutralized, or a member of an ensemble cannot predict
            and may not be missing.
    """
    if run.is_ensemble:
        found = _predict_ensemble(run, rows, progress, on_missing)
    else:
        found = _predict_model(run, rows, progress)
    return neutralized(found, run, rows, progress)


def _predict_model(run: Run, rows: RowSource, progress: Progress) -> PredictedRows:
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
    return PredictedRows(ids, eras, y, mean_rank(predictions, eras))


def _predict_ensemble(
    run: Run, rows: RowSource, progress: Progress, on_missing: OnMissing
) -> PredictedRows:
    weights = EnsembleWeights.read(run.best().path)
    may_miss = ensemble_parameters(run.recipe).missing_member == "drop"
    found: PredictedRows | None = None
    columns, is_there = [], []
    for member, weight in zip(run.members, weights.live, strict=True):
        try:
            alone = _predict_member(run, member, rows, progress)
        except PipelineError as error:
            if not (rows.is_live and may_miss):
                raise cannot_predict(run, member, error) from error
            name = f"'{member.model}', of weight {weight:.3f}"
            on_missing(f"without the member {name}: {error}")
            is_there.append(False)
            continue
        # Of the others only the predictions are kept: the rows are the same.
        found = found or alone
        columns.append(alone.predictions)
        is_there.append(True)
    left = math.fsum(np.array(weights.live)[is_there])
    if found is None or (rows.is_live and left < _LEAST_WEIGHT):
        raise DataError(
            f"the members of the ensemble '{run.name}' ({run.folder.name}) that can "
            f"predict have {left:.2f} of its weight, less than half, so it would be "
            "another model. Train and promote the others again, then run `nai train "
            f"{run.name}`."
        )
    values = np.column_stack(columns)
    if rows.is_live:
        blended = weights.blend_live(values, found.eras, is_there)
    else:
        blended = weights.blend(values, found.eras)
    return replace(found, predictions=blended)


def _predict_member(
    ensemble: Run, member: Member, rows: RowSource, progress: Progress
) -> PredictedRows:
    """Predict with a member alone, without its own ``[prediction]``.

    Raises:
        DataError: if its run has changed, or what it predicts is not usable.
    """
    run = open_member(ensemble, member, is_live=rows.is_live)
    found = _predict_model(run, rows, progress)
    n_broken = int((~np.isfinite(found.predictions)).sum())
    if n_broken:
        raise DataError(f"it predicts NaN or infinity for {n_broken:,} rows.")
    if rows.is_live and np.ptp(found.predictions) == 0:
        raise DataError("it predicts the same for all rows.")
    return found
