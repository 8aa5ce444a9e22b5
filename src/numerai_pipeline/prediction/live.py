"""Predictions for live data, ready to be checked and submitted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    SILENT,
    DataError,
    Progress,
    atomic_path,
    columns,
    sha256_of,
)
from numerai_pipeline.data import (
    Block,
    column_names,
    read_columns,
    read_parquet_blocks,
)
from numerai_pipeline.evaluation import LIVE_BENCHMARKS, OnMissing, predict_rows
from numerai_pipeline.scoring import rank_per_era
from numerai_pipeline.training import Run

if TYPE_CHECKING:
    import pandas as pd

_REMEDY = "nai download --live --force"


@dataclass(frozen=True)
class LiveRows:
    """The rows of a live file; see ``RowSource``.

    Attributes:
        path: Numerai's ``live.parquet``.
        n_rows: how many rows it has.
    """

    path: Path
    n_rows: int

    @property
    def is_live(self) -> bool:
        """They are."""
        return True

    @property
    def benchmarks(self) -> tuple[Path, ...]:
        """The file of benchmark predictions beside the live file, if it is there."""
        path = self.path.with_name(LIVE_BENCHMARKS)
        return (path,) if path.is_file() else ()

    def blocks(self, features: Sequence[str]) -> Iterator[Block]:
        """Read the rows in the file's order.

        Raises:
            DataError: if the file is broken or lacks a feature.
        """
        return read_parquet_blocks(self.path, features)


def predict_live(
    run: Run,
    live: Path,
    *,
    progress: Progress = SILENT,
    on_missing: OnMissing = lambda _sentence: None,
) -> "pd.DataFrame":
    """Predict live data with a run, and rank the predictions within the era.

    Args:
        run: a finished run; it sees the features that it was trained on, by name,
            through the transform of training.
        live: Numerai's ``live.parquet``; where the run neutralizes to benchmarks,
            ``live_benchmark_models.parquet`` stands beside it.
        progress: where to report.
        on_missing: called for each member of an ensemble that is left out.

    Returns:
        Columns ``id`` (str) and ``prediction`` (float64 in (0, 1)), a row per row
        of the live data, in its order.

    Raises:
        DataError: if a feature is missing, an id occurs twice, the predictions cannot
            be neutralized as the run wants, the model predicts NaN or infinity, or the
            same value for all rows, or an ensemble lacks a member that may not be
            missing.
    """
    import pandas as pd

    ids = live_ids(live)
    _check_features(run, live, column_names(live, _REMEDY))
    found = predict_rows(run, LiveRows(live, len(ids)), progress, on_missing)
    if len(found.ids) < len(ids):
        raise DataError(
            f"{len(ids) - len(found.ids):,} of {len(ids):,} live rows cannot be "
            f"{run.recipe.prediction.neutralize}, so '{run.name}' predicts none of "
            "them. Fetch the files again: `nai predict --force`."
        )
    _check_predictions(f"'{run.name}'", found.predictions)
    return pd.DataFrame(
        {
            columns.ID: ids,
            columns.PREDICTION: rank_per_era(found.predictions, found.eras),
        }
    )


def write_predictions(frame: "pd.DataFrame", path: Path) -> None:
    """Write predictions as CSV, whole.

    Every number has all its digits, so that no two ranks become one.

    Args:
        frame: columns ``id`` and ``prediction``.
        path: the file.
    """
    with atomic_path(path) as partial:
        frame.to_csv(
            partial,
            columns=[columns.ID, columns.PREDICTION],
            index=False,
            lineterminator="\n",
        )


def live_ids(path: Path) -> tuple[str, ...]:
    """Return the ids of a Parquet file in its order.

    Raises:
        DataError: if the file is missing or broken, has no ids, or one of them twice.
    """
    ids = tuple(read_columns(path, [columns.ID], _REMEDY)[columns.ID].to_pylist())
    if not ids:
        raise DataError(f"{path} has no rows. Fetch it again with `{_REMEDY}`.")
    others = [each for each in ids if not isinstance(each, str)]
    name, n_times = Counter(map(str, ids)).most_common(1)[0]
    if n_times > 1 or others:
        found = f"the id {others[0] if others else name}"
        found += ", which is not text" if others else " twice"
        found = "a row without an id" if None in ids else found
        raise DataError(f"{path} has {found}. Fetch it again with `{_REMEDY}`.")
    return ids


def earlier_live(live: Path) -> Path | None:
    """Return the live data of an earlier round that is the same as this round's.

    Every round has its own ids. Numerai maps those of the round before, so that
    predictions for yesterday's rows would be accepted.

    Args:
        live: ``rounds/NUMBER/live.parquet``.
    """
    earlier = {
        int(path.parent.name): path
        for path in live.parent.parent.glob(f"*/{live.name}")
        if path.parent.name.isdecimal()
        and int(path.parent.name) < int(live.parent.name)
    }
    size = live.stat().st_size
    for path in earlier.values():
        if path.stat().st_size == size and sha256_of(path) == sha256_of(live):
            return path
    # The same rows, written again, differ in their bytes.
    for number in sorted(earlier)[-1:]:
        try:
            ids = live_ids(earlier[number])
        except DataError:
            continue  # it is not the one that is predicted
        if not set(ids).isdisjoint(live_ids(live)):
            return earlier[number]
    return None


def _check_features(run: Run, live: Path, names: list[str]) -> None:
    wanted = {*run.features, *run.neutral_features}
    missing = sorted(wanted - set(names))
    if missing:
        n_found = len(wanted) - len(missing)
        raise DataError(
            f"{live} has {n_found:,} of the {len(wanted):,} features that "
            f"'{run.name}' was trained on; {missing[0]} is missing. Download live "
            "data of the release that it was trained on, or train it on this one."
        )


def _check_predictions(who: str, predictions: npt.NDArray[np.floating]) -> None:
    n_broken = int((~np.isfinite(predictions)).sum())
    if n_broken:
        raise DataError(
            f"{who} predicts NaN or infinity for {n_broken:,} of "
            f"{len(predictions):,} live rows. Lower its learning_rate in model.toml "
            "and train again."
        )
    if np.ptp(predictions) == 0:
        raise DataError(
            f"{who} predicts the same for all {len(predictions):,} live rows, which "
            "earns no score. Check the plot of its training, and train again."
        )
