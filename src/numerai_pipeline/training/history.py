"""What training recorded, epoch by epoch, and which epoch is the best."""

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

from numerai_pipeline.core import DataError, atomic_path

Monitor = Literal["val_loss", "val_corr", "val_accuracy"]


@dataclass(frozen=True)
class Epoch:
    """One line of ``history.csv``.

    Attributes:
        epoch: number from 1; for trees the number of trees so far; with rolling
            windows the number of the window, and the rest is that of its best epoch.
        loss: mean over the training rows.
        val_loss: the same loss over the held-out rows.
        val_corr: mean CORR of the held-out eras; NaN if all predictions are equal.
        seconds: how long the epoch took, with its look at the held-out eras.
        is_best: whether it was the best so far, and so was saved.
        val_accuracy: share of the held-out rows whose most probable class is theirs;
            NaN where no classes are learned.
        rows_per_second: rows that were learned from in a second, without the look at
            the held-out eras; NaN where it is not known, as of trees.
        waiting: share of that time, 0..1, in which the model waited for data; NaN
            where it is not known.
    """

    epoch: int
    loss: float
    val_loss: float
    val_corr: float
    seconds: float
    is_best: bool
    # NaN equals nothing, and no two trainings take the same time, so these do not
    # decide whether two lines are the same.
    val_accuracy: float = field(default=math.nan, compare=False)
    rows_per_second: float = field(default=math.nan, compare=False)
    waiting: float = field(default=math.nan, compare=False)


def best_epoch(
    values: Sequence[float], *, mode: Literal["min", "max"] = "min"
) -> int | None:
    """Return the number of the epoch with the best value, counted from 1.

    Of equal values the first counts; NaN is never the best; None if there is no
    other.

    >>> best_epoch([0.30, 0.20, 0.10, 0.15, 0.25])
    3
    >>> best_epoch([0.01, 0.03, float("nan")], mode="max")
    2
    """
    sign = 1.0 if mode == "min" else -1.0
    costs = [math.inf if math.isnan(value) else sign * value for value in values]
    lowest = min(costs, default=math.inf)
    return None if lowest == math.inf else costs.index(lowest) + 1


def best_row(rows: Sequence[Epoch], monitor: Monitor) -> Epoch | None:
    """Return the best line of a history."""
    number = best_epoch(_values(rows, monitor), mode=_mode(monitor))
    return None if number is None else rows[number - 1]


def stale_epochs(rows: Sequence[Epoch], monitor: Monitor, threshold: float) -> int:
    """Return how many epochs passed since the last improvement that counts.

    Args:
        rows: the history so far.
        monitor: the column that is watched.
        threshold: an improvement counts if it is larger than this.
    """
    sign = 1.0 if _mode(monitor) == "min" else -1.0
    lowest = math.inf
    last = 0
    for number, value in enumerate(_values(rows, monitor), start=1):
        if sign * value < lowest - threshold:  # false for NaN
            lowest = sign * value
            last = number
    return len(rows) - last


def write_history(rows: Sequence[Epoch], path: Path) -> None:
    """Write ``history.csv`` whole; numbers keep all their digits."""
    names = [column.name for column in fields(Epoch)]
    with (
        atomic_path(path) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({**asdict(row), "is_best": int(row.is_best)})


def read_history(path: Path) -> list[Epoch]:
    """Read ``history.csv``; a file that is not there is an empty history.

    Raises:
        DataError: if the file is broken.
    """
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_row(record) for record in csv.DictReader(file, strict=True)]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path} is not a whole history ({error}). Delete the folder "
            f"{path.parent} and train again."
        ) from error


def _row(record: dict[str, str]) -> Epoch:
    numbers = {
        column.name: float(record[column.name])
        for column in fields(Epoch)
        if column.type is float
    }
    return Epoch(
        epoch=int(record["epoch"]), is_best=bool(int(record["is_best"])), **numbers
    )


def _values(rows: Sequence[Epoch], monitor: Monitor) -> list[float]:
    return [float(getattr(row, monitor)) for row in rows]


def _mode(monitor: Monitor) -> Literal["min", "max"]:
    return "min" if monitor == "val_loss" else "max"
