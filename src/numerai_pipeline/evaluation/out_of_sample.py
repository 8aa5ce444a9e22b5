"""Predictions of eras that a run did not learn from, as a file that needs no run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, Progress, atomic_path, columns
from numerai_pipeline.data import (
    Fold,
    Part,
    RowIds,
    ShardReader,
    column_names,
    format_eras,
    read_columns,
)
from numerai_pipeline.evaluation.predicting import (
    PredictedRows,
    ShardRows,
    predict_rows,
)
from numerai_pipeline.evaluation.result import EvaluatedPart
from numerai_pipeline.scoring import Scores, corr_per_era
from numerai_pipeline.training import Run

Ids = npt.NDArray[np.bytes_]

# The column of what a model gives before the steps of its ``[prediction]``.
_RAW = "raw"

_REMEDY = "nai score --force"


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """What a model predicts for rows that it did not learn from; by era, ascending.

    Attributes:
        ids: ``(rows,)`` S16.
        eras: ``(rows,)`` int16.
        predictions: ``(rows,)`` float32, as they are submitted.
        targets: a target's name -> ``(rows,)`` float32, NaN where it is missing.
        raw: ``(rows,)`` float32, as the model gives them; None: these are submitted.
    """

    ids: Ids
    eras: npt.NDArray[np.int16]
    predictions: npt.NDArray[np.float32]
    targets: dict[str, npt.NDArray[np.float32]]
    raw: npt.NDArray[np.float32] | None = None

    @property
    def from_model(self) -> npt.NDArray[np.float32]:
        """What the model gives, before the steps of ``[prediction]``."""
        return self.predictions if self.raw is None else self.raw

    def by_era(self) -> Iterator[tuple[int, slice]]:
        """Yield each era with its rows."""
        eras, starts = np.unique(self.eras, return_index=True)
        ends = [*starts[1:].tolist(), len(self.eras)]
        for era, start, end in zip(eras.tolist(), starts.tolist(), ends, strict=True):
            yield era, slice(start, end)


def rows_with_target(found: OutOfSample, target: str) -> npt.NDArray[np.bool_]:
    """Return which rows have the target, in eras where at least two do."""
    has_target = ~np.isnan(found.targets[target])
    n_rows = np.bincount(found.eras, weights=has_target)
    rows: npt.NDArray[np.bool_] = has_target & (n_rows[found.eras] >= 2)
    return rows


def corr_of(found: OutOfSample, target: str) -> Scores:
    """Return the CORR of the eras in which at least two rows have the target."""
    rows = rows_with_target(found, target)
    return corr_per_era(
        found.predictions[rows], found.targets[target][rows], found.eras[rows]
    )


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
    of the training, such as those of newer data. Eras of the lockbox, and the purge
    before it, are no test eras.

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
    if wanted == "lockbox":
        return wanted, Part(_unseen_lockbox(run, fold, shards))
    there = set(shards.eras(purge=fold.purge))
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
        closed = f" {shards.about_lockbox(fold.purge)}" if shards.lockbox else ""
        raise DataError(
            f"{shards.folder} has none of the {len(whole.eras)} validation eras of "
            f"'{run.name}' ({run.folder.name}), and no later test eras. Run `nai etl` "
            f"with more eras, or score it on other shards.{closed}"
        )
    return "validation", part


def predict_part(
    run: Run,
    shards: ShardReader,
    part: Part,
    targets: tuple[str, ...],
    progress: Progress,
    benchmarks: Sequence[Path] = (),
) -> OutOfSample:
    """Predict rows of the shards.

    One block of features is in memory at a time; 30 bytes per row are kept. Eras that
    cannot be neutralized as the run's recipe wants are left out.

    Args:
        run: a finished run.
        shards: where the rows come from.
        part: which rows.
        targets: what to read beside the predictions.
        progress: where to report.
        benchmarks: Numerai's benchmark files, where the run neutralizes to some.
    """
    source = ShardRows(shards, part, targets, tuple(benchmarks))
    return out_of_sample(predict_rows(run, source, progress), targets)


def out_of_sample(found: PredictedRows, targets: Sequence[str]) -> OutOfSample:
    """Return predicted rows by era, their targets by name."""
    by_era = np.argsort(found.eras, kind="stable")
    return OutOfSample(
        ids=found.ids[by_era],
        eras=found.eras[by_era],
        predictions=found.predictions[by_era].astype(np.float32, copy=False),
        targets={name: found.y[by_era, place] for place, name in enumerate(targets)},
        raw=None
        if found.raw is None
        else found.raw[by_era].astype(np.float32, copy=False),
    )


def write_out_of_sample(found: OutOfSample, path: Path, made_from: str = "") -> None:
    """Write the predictions as Parquet: id, era as Numerai writes it, prediction.

    Where these are not the model's output, that is a column ``raw``.

    Args:
        found: the predictions.
        path: the file.
        made_from: kept in the file, for ``is_made_from``.
    """
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
            **({} if found.raw is None else {_RAW: found.raw}),
        },
        metadata={"made_from": made_from},
    )
    with atomic_path(path) as partial:
        pq.write_table(table, partial)


def is_made_from(path: Path, made_from: str) -> bool:
    """Return whether a file of predictions is whole and was made from this."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return bool(metadata.get(b"made_from") == made_from.encode())


def read_out_of_sample(
    path: Path, shards: ShardReader, targets: Sequence[str], *, purge: int
) -> OutOfSample:
    """Read predictions, and the targets of their rows from the shards.

    Args:
        path: Parquet with id, era and prediction, in any order.
        shards: hold all these rows.
        targets: which targets to read.
        purge: eras to leave out before the lockbox, as well as the lockbox itself,
            which may have been closed after they were predicted.

    Raises:
        DataError: if the file is broken, the shards lack one of its rows, or the
            lockbox has all of them.
    """
    wanted = (columns.ID, columns.ERA, columns.PREDICTION)
    has_raw = _RAW in column_names(path, _REMEDY)
    table = read_columns(path, (*wanted, _RAW) if has_raw else wanted, _REMEDY)
    eras = table[columns.ERA].cast("string").cast("int16").to_numpy()
    if shards.lockbox:
        is_open = eras < shards.lockbox[0] - purge
        if not is_open.any():
            raise DataError(
                f"all eras of {path} are in the lockbox, from {shards.lockbox[0]:04d} "
                f"on, or a purge of {purge} before it. Set a lower [evaluation] "
                "lockbox_eras in numerai.toml."
            )
        table, eras = table.filter(is_open), eras[is_open]
    order = np.argsort(eras, kind="stable")
    found = OutOfSample(
        ids=np.array(table[columns.ID].cast("binary").to_pylist(), "S16")[order],
        eras=eras[order],
        predictions=table[columns.PREDICTION].to_numpy()[order],
        targets={name: np.full(len(eras), np.nan, np.float32) for name in targets},
        raw=table[_RAW].to_numpy()[order] if has_raw else None,
    )
    _join_targets(found, path, shards)
    return found


def _join_targets(found: OutOfSample, path: Path, shards: ShardReader) -> None:
    """Fill in the targets of the rows, by era and id."""
    of_era = dict(found.by_era())
    lacking = sorted(set(of_era) - set(shards.eras()))
    if lacking:
        raise DataError(
            f"{path} predicts {len(lacking)} eras that {shards.folder} does not have, "
            f"{format_eras(lacking)}. Pack them again with `nai etl`, or predict again "
            "on the present shards."
        )
    n_found, era, own = 0, -1, RowIds(found.ids[:0])
    for block in shards.blocks(
        None, eras=tuple(of_era), features=(), targets=tuple(found.targets)
    ):
        if block.eras[0] != era:
            era = int(block.eras[0])
            own = RowIds(found.ids[of_era[era]])
        at = own.places(block.ids)
        is_there = at >= 0
        for values, column in zip(found.targets.values(), block.y.T, strict=True):
            values[of_era[era]][at[is_there]] = column[is_there]
        n_found += int(is_there.sum())
    if n_found != len(found.ids):
        raise DataError(
            f"{path} predicts {len(found.ids):,} rows, of which {shards.folder} has "
            f"{n_found:,}. Score it on the shards that it was made from, or predict "
            f"again: `{_REMEDY}`."
        )


def _unseen_lockbox(run: Run, fold: Fold, shards: ShardReader) -> tuple[int, ...]:
    """Return the eras of the lockbox that a run may be scored on.

    Raises:
        DataError: if there is none.
    """
    unseen = fold.unseen(shards.lockbox)
    if not shards.lockbox:
        raise DataError(
            "there is no lockbox: set [evaluation] lockbox_eras in numerai.toml before "
            "you train and compare models."
        )
    if not unseen:
        raise DataError(
            f"the run {run.folder.name} of '{run.name}' learned from or was chosen on "
            f"the eras of the lockbox, {shards.lockbox[0]:04d} to "
            f"{shards.lockbox[-1]:04d}, or nearer than its purge. Train it again now "
            f"that the lockbox is set: `nai train {run.name}`."
        )
    return unseen
