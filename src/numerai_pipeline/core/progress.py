"""How a long piece of work reports how far it is, without printing.

Rooms report to a ``Progress``; the command line shows it as bars, a notebook as a
picture in the cell, a test or a library call passes ``SILENT``.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

# Called with the amount done since the last call, in the task's unit.
Advance = Callable[[float], None]


def counted(number: float, unit: str) -> str:
    """Return how many there are of something, in the plural or the singular.

    >>> counted(1, "epochs"), counted(2_500, "rows"), counted(1, "penalties")
    ('1 epoch', '2,500 rows', '1 penalty')
    """
    singular = unit.removesuffix("s")
    if singular.endswith("ie"):
        singular = singular.removesuffix("ie") + "y"
    return f"{number:,.0f} {singular if number == 1 else unit}"


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
        """Report a line that is worth reading, such as what a training starts from."""
        ...

    def chart(self, chart: Any) -> None:
        """Show the curves of a training so far; called after each of its epochs.

        What cannot draw reports ``chart.line`` as a note.

        Args:
            chart: a ``training.Chart``; this room knows no training.
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

    def chart(self, chart: Any) -> None:
        del chart


SILENT: Progress = _Silent()
