"""How a long piece of work tells how far it is, without printing.

Rooms report to a ``Progress``; the command line shows it as bars, a notebook as a
picture in the cell, a test or a library call passes ``SILENT``.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

# Called with the amount done since the last call, in the task's unit.
Advance = Callable[[float], None]

# How a column of a history is written in a line; what a row lacks is left out.
_IN_A_LINE = {
    "loss": "loss {:.5f}",
    "val_loss": "val_loss {:.5f}",
    "val_corr": "val_corr {:.4f}",
    "val_accuracy": "val_accuracy {:.4f}",
    "rows_per_second": "{:,.0f} rows/s",
    "waiting": "{:.0%} waiting",
    "seconds": "{:.1f} s",
}
# A missing score is told, a missing rate is not.
_OFTEN_UNKNOWN = frozenset({"val_accuracy", "rows_per_second", "waiting"})


@dataclass(frozen=True)
class Chart:
    """The curves of a training so far.

    Attributes:
        title: which training it is, such as ``mlp``.
        unit: what its rows count: ``epoch``, ``tree``, ``window``.
        rows: the lines of its history: ``epoch``, ``loss``, ``val_loss``,
            ``val_corr``, ``val_accuracy``, ``rows_per_second``, ``waiting``,
            ``seconds``, ``is_best``; NaN where a value is not known.
        best: which of the rows is the best so far; None if none is.
        monitor: the column by which the best is chosen.
    """

    title: str
    unit: str
    rows: Sequence[Mapping[str, float]]
    best: int | None
    monitor: str

    def column(self, name: str) -> list[float]:
        """Return a column, NaN where a row has no such value."""
        return [float(row.get(name, math.nan)) for row in self.rows]

    def has(self, name: str) -> bool:
        """Tell whether any row has a finite value in a column."""
        return any(map(math.isfinite, self.column(name)))

    @property
    def line(self) -> str:
        """The last row in words.

        >>> row = {"epoch": 2, "loss": 0.25, "val_loss": 0.24, "is_best": True}
        >>> Chart("mlp", "epoch", [row], 0, "val_loss").line
        'epoch 2: loss 0.25000, val_loss 0.24000, best so far'
        """
        row = self.rows[-1]
        parts = [
            form.format(row[name])
            for name, form in _IN_A_LINE.items()
            if name in row
            and not (name in _OFTEN_UNKNOWN and not math.isfinite(row[name]))
        ]
        if row.get("is_best"):
            parts.append("best so far")
        return f"{self.unit} {row['epoch']:.0f}: {', '.join(parts)}"


class Progress(Protocol):
    """Where progress goes."""

    def task(
        self, description: str, total: float | None, unit: str
    ) -> AbstractContextManager[Advance]:
        """Open a task; inside the block call the result with each step done.

        Args:
            description: what is being done, e.g. ``train.parquet``.
            total: amount of work, in ``unit``; None where it is not known.
            unit: ``bytes``, ``rows``, ``eras``, ``epochs``...
        """
        ...

    def note(self, text: str) -> None:
        """Tell one line that is worth reading, such as what a training starts from."""
        ...

    def chart(self, chart: Chart) -> None:
        """Show the curves of a training so far; called after each of its epochs.

        What cannot draw tells ``chart.line`` as a note.
        """
        ...


class _Silent:
    @contextmanager
    def task(
        self, description: str, total: float | None, unit: str
    ) -> Iterator[Advance]:
        del description, total, unit
        yield lambda _amount: None

    def note(self, text: str) -> None:
        del text

    def chart(self, chart: Chart) -> None:
        del chart


SILENT: Progress = _Silent()
