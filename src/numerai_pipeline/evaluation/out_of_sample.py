"""Predictions of eras that a run did not learn from, a block of rows at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, Progress, atomic_path, columns
from numerai_pipeline.data import Fold, Part, ShardReader, decode_features
from numerai_pipeline.evaluation.result import EvaluatedPart
from numerai_pipeline.scoring import mean_rank
from numerai_pipeline.training import Run


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """What a run predicts for rows that it did not learn from; by era, ascending.

    Attributes:
        ids: ``(rows,)`` S16.
        eras: ``(rows,)`` int16.
        predictions: ``(rows,)`` float32, as the model gives them.
        targets: a target's name -> ``(rows,)`` float32, NaN where it is missing.
    """

    ids: npt.NDArray[np.bytes_]
    eras: npt.NDArray[np.int16]
    predictions: npt.NDArray[np.float32]
    targets: dict[str, npt.NDArray[np.float32]]


def fold_of(run: Run) -> Fold:
    """Return the fold of a run.

    Raises:
        DataError: if the run did not record it.
    """
    if run.fold is None:
        raise DataError(
            f"the run {run.folder} of '{run.name}' was trained by version 0.1.0, which "
            "did not record its eras, so no era is known to be out-of-sample. It still "
            f"predicts. Run `nai train {run.name}` to get a run that can be scored."
        )
    return run.fold


def choose_part(
    run: Run, shards: ShardReader, wanted: EvaluatedPart
) -> tuple[EvaluatedPart, Part]:
    """Return the rows to score a run on, and what those eras were to the run.

    Test eras are all eras of the shards that come later than what the run learned
    from or was chosen on, a purge away from it. The shards may be others than those
    of the training, such as those of newer data.

    Args:
        run: a finished run.
        shards: where the rows are to come from.
        wanted: which eras; where there are no test eras, the validation eras are
            taken.

    Raises:
        DataError: if the run did not record its eras, or the shards have none of
            those that are wanted.
    """
    fold = fold_of(run)
    there = set(shards.eras())
    part = fold.part("test")
    if not fold.by_rows:
        last = max((*fold.train, *fold.validation))
        unseen = fold.unseen(sorted(there))
        part = Part(tuple(era for era in unseen if era > last))
    if wanted == "test" and part.eras:
        return "test", part
    whole = fold.part("validation")
    part = Part(tuple(era for era in whole.eras if era in there), whole.split)
    if run.refit_of:
        raise DataError(
            f"the run {run.folder.name} of '{run.name}' learned from every resolved "
            "era, so none is left to score it on. Its scores are those of the run "
            f"{run.refit_of}: `nai score {run.name} --run {run.refit_of}`."
        )
    if not part.eras:
        raise DataError(
            f"{shards.folder} has none of the {len(whole.eras)} validation eras of "
            f"'{run.name}' ({run.folder.name}), and no later test eras. Run `nai etl` "
            "with more eras, or score it on other shards."
        )
    return "validation", part


def predict_part(
    run: Run,
    shards: ShardReader,
    part: Part,
    targets: tuple[str, ...],
    progress: Progress,
) -> OutOfSample:
    """Predict rows of the shards.

    One block of features is in memory at a time; 30 bytes per row are kept.

    Args:
        run: a finished run.
        shards: where the rows come from.
        part: which rows.
        targets: what to read beside the predictions.
        progress: where to report.
    """
    pieces = []
    with progress.task(
        f"predicting with {run.name}", shards.n_rows(part.split, part.eras), "rows"
    ) as advance:
        predictor = run.predictor()
        for block in shards.blocks(
            part.split, eras=part.eras, features=run.features, targets=targets
        ):
            predictions = predictor.predict(decode_features(block.x, run.missing))
            pieces.append((block.ids, block.eras, predictions, block.y))
            advance(len(block))
    ids, eras, predictions, y = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    by_era = np.argsort(eras, kind="stable")
    return OutOfSample(
        ids=ids[by_era],
        eras=eras[by_era],
        predictions=mean_rank(predictions, eras)[by_era],
        targets={name: y[by_era, place] for place, name in enumerate(targets)},
    )


def write_out_of_sample(found: OutOfSample, path: Path) -> None:
    """Write the predictions as Parquet: id, era as Numerai writes it, prediction."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    eras, which = np.unique(found.eras, return_inverse=True)
    table = pa.table(
        {
            columns.ID: pa.array(found.ids).cast(pa.string()),
            columns.ERA: pa.DictionaryArray.from_arrays(
                which.astype(np.int32), [f"{era:04d}" for era in eras]
            ),
            columns.PREDICTION: found.predictions,
        }
    )
    with atomic_path(path) as partial:
        pq.write_table(table, partial)
