"""How a long piece of work tells how far it is, without printing.

Rooms report to a ``Progress``; the command line shows it as bars, a test or a
library call passes ``SILENT``.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

# Called with the amount done since the last call, in the task's unit.
Advance = Callable[[float], None]


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
        """Tell one line that is worth reading, such as the score of an epoch."""
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


SILENT: Progress = _Silent()
