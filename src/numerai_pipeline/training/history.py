"""What training recorded, epoch by epoch, and which epoch is the best.

The fields of ``Epoch`` are the table of columns. The file, the lines and tables in a
terminal, the plots, TensorBoard and the choice of the best epoch follow from it: a new
column is a field here, and a value that an engine hands to ``Recorder.record``.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, get_type_hints

from numerai_pipeline.core import DataError, atomic_path, counted, retrain
from numerai_pipeline.models import ENSEMBLE


@dataclass(frozen=True)
class Column:
    """How a measured value is written, compared and plotted.

    Attributes:
        about: what it is of, or what it is; ``loss of validation`` with its panel.
        form: format of a value.
        unit: follows a value in a line; empty: the column's name precedes it.
        better: which values are better; None: it does not measure quality.
        panel: what the panel of the plot shows that has it; empty: not plotted.
        of_window: what the line of a rolling window has of its epochs: the value of
            the best one, their sum or their mean.
    """

    about: str
    form: str = ".5f"
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
    panel: str = ""
    of_window: Literal["best", "sum", "mean"] = "best"

    def text(self, value: float) -> str:
        """Return a value with the column's digits.

        >>> Column("share of the time", ".1%").text(0.031)
        '3.1%'
        """
        return format(value, self.form)


@dataclass(frozen=True)
class Epoch:
    """One line of ``history.csv``; NaN where a value is not known.

    Attributes:
        epoch: number from 1; for trees the number of trees so far; for a ridge
            regression the number of the penalty in its list; with rolling windows the
            number of the window, and the rest is that of its best epoch.
        loss: mean over the training rows.
        val_loss: the same loss over the validation rows.
        val_corr: mean CORR per validation era; NaN if all predictions are equal.
        seconds: how long the epoch took, its evaluation included.
        is_best: whether it was the best so far, and so was saved.
        val_accuracy: share of the validation rows whose most probable class is right.
            Only runs of version 0.1.0 have it: the middle class, half of all rows, is
            nearly always the most probable, so it stayed at 0.5.
        rows_per_second: training rows per second, the evaluation not included.
        waiting: share of that time, 0..1, in which the model waited for data.
        penalty: what a line of a ridge regression is of.
    """

    epoch: int
    loss: Annotated[float, Column("training", panel="loss")]
    val_loss: Annotated[float, Column("validation", better="lower", panel="loss")]
    val_corr: Annotated[
        float,
        Column("validation, mean per era", ".4f", better="higher", panel="CORR"),
    ]
    seconds: Annotated[float, Column("duration", ".1f", "seconds", of_window="sum")]
    is_best: bool
    # NaN equals nothing, and no two trainings take the same time, so these do not
    # decide whether two lines are the same. A history without them can be read.
    val_accuracy: Annotated[
        float,
        Column("validation", ".4f", better="higher", panel="accuracy"),
    ] = field(default=math.nan, compare=False)
    rows_per_second: Annotated[
        float, Column("rate", ",.0f", "rows/s", of_window="mean")
    ] = field(default=math.nan, compare=False)
    waiting: Annotated[
        float, Column("share of the time", ".1%", "waiting", of_window="mean")
    ] = field(default=math.nan, compare=False)
    penalty: float = field(default=math.nan, compare=False)

    @property
    def label(self) -> str:
        """What it is called: its number, or its penalty.

        >>> Epoch(2, 0.25, 0.24, 0.03, 1.5, False, penalty=3e4).label
        '30000'
        """
        return str(self.epoch) if math.isnan(self.penalty) else f"{self.penalty:g}"


# The measured columns by name, in the order of the file.
COLUMNS: Mapping[str, Column] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Epoch, include_extras=True).items()
    if hasattr(hint, "__metadata__")
}

# What a history counts, by family; the others count epochs.
_UNITS = {
    **dict.fromkeys(("lightgbm", "xgboost", "catboost"), "tree"),
    "ridge": "penalty",
    ENSEMBLE: "member",
}

# A file that lacks one of these is broken.
_REQUIRED = {one.name for one in fields(Epoch) if one.default is MISSING}


@dataclass(frozen=True)
class Chart:
    """The curves of a training so far, for those who show them.

    Attributes:
        title: which training it is, such as ``mlp``.
        unit: what its rows count: ``epoch``, ``tree``, ``penalty``, ``window``.
        rows: its history.
        monitor: the column that chooses the best row.
    """

    title: str
    unit: str
    rows: Sequence[Epoch]
    monitor: str

    @property
    def best(self) -> int | None:
        """Place of the best row so far; None if there is none."""
        if not self.rows:
            return None
        number = best_epoch(self.column(self.monitor), mode=_mode(self.monitor))
        return None if number is None else number - 1

    @property
    def length(self) -> str:
        """How long it is, such as ``12 epochs``."""
        is_list = self.unit == "penalty"  # a refit has one of them
        number = len(self.rows) if is_list else self.rows[-1].epoch
        return counted(number, plural_of(self.unit))

    @property
    def columns(self) -> list[str]:
        """The columns to show: those with a value, and scores that are not defined."""
        is_validated = any(self.has(name) for name in COLUMNS if COLUMNS[name].better)
        return [
            name
            for name, column in COLUMNS.items()
            if self.has(name) or (name in _REQUIRED and column.better and is_validated)
        ]

    @property
    def line(self) -> str:
        """The last row in words.

        >>> row = Epoch(2, 0.25, 0.24, 0.031, 1.5, is_best=False)
        >>> Chart("mlp", "epoch", [row], "val_loss").line
        'epoch 2: loss 0.25000, val_loss 0.24000, val_corr 0.0310, 1.5 seconds'
        """
        row = self.rows[-1]
        parts = []
        for name in self.columns:
            column = COLUMNS[name]
            text = column.text(getattr(row, name))
            parts.append(f"{text} {column.unit}" if column.unit else f"{name} {text}")
        if row.is_best:
            parts.append("best so far")
        return f"{self.unit} {row.label}: {', '.join(parts)}"

    def column(self, name: str) -> list[float]:
        """Return the values of a column."""
        return _values(self.rows, name)

    def has(self, name: str) -> bool:
        """Return whether any row has a finite value in a column."""
        return any(map(math.isfinite, self.column(name)))


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


def best_row(rows: Sequence[Epoch], monitor: str) -> Epoch | None:
    """Return the best line of a history."""
    number = best_epoch(_values(rows, monitor), mode=_mode(monitor))
    return None if number is None else rows[number - 1]


def stale_epochs(rows: Sequence[Epoch], monitor: str, threshold: float) -> int:
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


def measured_of_window(rows: Sequence[Epoch], best: Epoch) -> dict[str, float]:
    """Return what the line of a rolling window has of its epochs, by column.

    Args:
        rows: the epochs of the window, at least one.
        best: the best of them.
    """
    combined = {}
    for name, column in COLUMNS.items():
        values = _values(rows, name)
        if column.of_window == "sum":
            combined[name] = math.fsum(values)
        elif column.of_window == "mean":
            combined[name] = fmean(values)
        else:
            combined[name] = float(getattr(best, name))
    return combined


def unit_of(recipe: Mapping[str, Any], *, of_run: bool = True) -> str:
    """Return what a history counts: an ``epoch``, ``tree``, ``penalty``, ``window``.

    An ensemble has no history, but every ``member`` is one of its models.

    Args:
        recipe: the run's, with all defaults.
        of_run: whether it is ``history.csv``, the run's own; not that of one of its
            models.
    """
    if of_run and recipe["training"].get("window_eras"):
        return "window"
    return _UNITS.get(recipe["family"], "epoch")


def plural_of(unit: str) -> str:
    """Return what several of a unit are called.

    >>> plural_of("tree"), plural_of("penalty")
    ('trees', 'penalties')
    """
    return "penalties" if unit == "penalty" else f"{unit}s"


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

    A column that a later version added is NaN, one that it dropped is ignored.

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
            f"{path} is not a whole history ({error}). {retrain(path)}"
        ) from error


def _row(record: dict[str, str]) -> Epoch:
    numbers = {
        name: float(record[name])
        for name in COLUMNS
        if name in record or name in _REQUIRED
    }
    return Epoch(
        epoch=int(record["epoch"]),
        is_best=bool(int(record["is_best"])),
        penalty=float(record.get("penalty", "nan")),
        **numbers,
    )


def _values(rows: Sequence[Epoch], name: str) -> list[float]:
    return [float(getattr(row, name)) for row in rows]


def _mode(monitor: str) -> Literal["min", "max"]:
    return "min" if COLUMNS[monitor].better == "lower" else "max"
