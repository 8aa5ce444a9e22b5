"""Predictions of held-out eras, a block of rows at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    DataError,
    Progress,
    atomic_path,
    columns,
    read_toml,
)
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.scoring import one_column
from numerai_pipeline.training import Run


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What a run predicts for rows that it was not trained on; by era, ascending.

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


def check_unseen(run: Run, shards: ShardReader, split: str) -> None:
    """Check that a run was not trained on the eras by which it is to be judged.

    Raises:
        DataError: if it was, if that cannot be known because the shards are not
            those that it was trained on, or if there is no such split.
    """
    eras = shards.eras(split)
    trained_on = read_toml(run.folder / "config.toml")["run"]["shards_fingerprint"]
    if trained_on != shards.manifest.fingerprint:
        raise DataError(
            f"'{run.name}' ({run.folder.name}) was trained on other shards than those "
            f"in {shards.folder}, whose held-out eras it may have seen. "
            f"Run `nai train {run.name}` on these first."
        )
    seen = sorted(set(eras) & set(shards.eras("train")))
    if seen:
        raise DataError(
            f"'{run.name}' was trained on {len(seen)} of the {len(eras)} eras of the "
            f"split '{split}' ({seen[0]} to {seen[-1]}), so its score there says "
            "nothing. Score it on eras that were held out."
        )


def predict_held_out(
    run: Run,
    shards: ShardReader,
    split: str,
    targets: tuple[str, ...],
    progress: Progress,
) -> HeldOut:
    """Predict a split of the shards.

    One block of features is in memory at a time; 30 bytes a row are kept.

    Args:
        run: a finished run.
        shards: where the rows come from.
        split: which rows.
        targets: what to read beside the predictions.
        progress: where to report.
    """
    predictor = run.predictor()
    pieces = []
    with progress.task(
        f"predicting with {run.name}", shards.n_rows(split), "rows"
    ) as advance:
        for block in shards.blocks(split, features=run.features, targets=targets):
            predictions = predictor.predict(decode_features(block.x, run.missing))
            pieces.append((block.ids, block.eras, predictions, block.y))
            advance(len(block))
    ids, eras, predictions, y = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    by_era = np.argsort(eras, kind="stable")
    return HeldOut(
        ids=ids[by_era],
        eras=eras[by_era],
        predictions=one_column(predictions, eras)[by_era],
        targets={name: y[by_era, place] for place, name in enumerate(targets)},
    )


def write_held_out(held_out: HeldOut, path: Path) -> None:
    """Write the predictions as Parquet: id, era as Numerai writes it, prediction."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    eras, which = np.unique(held_out.eras, return_inverse=True)
    table = pa.table(
        {
            columns.ID: pa.array(held_out.ids).cast(pa.string()),
            columns.ERA: pa.DictionaryArray.from_arrays(
                which.astype(np.int32), [f"{era:04d}" for era in eras]
            ),
            columns.PREDICTION: held_out.predictions,
        }
    )
    with atomic_path(path) as partial:
        pq.write_table(table, partial)
