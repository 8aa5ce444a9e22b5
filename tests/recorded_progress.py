"""Progress for tests: remembered, and the end of the work where a test wants one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from numerai_pipeline.training import Chart


@dataclass
class Task:
    """A task as it was opened, and how much of it was done."""

    description: str
    total: float | None
    unit: str
    done: float = 0.0


class Killed(BaseException):
    """What ends the work in the middle, as a kill would."""


class RecordedProgress:
    """Remembers notes and tasks.

    Args:
        at_note: ends the work at the first note that starts so; the line of a chart is
            a note too.
        at_step: ends it when more than this was done.
        of: start of the description of the tasks that count for it.
        error: what ends it.
        on_note: called with each note.
    """

    def __init__(
        self,
        *,
        at_note: str | None = None,
        at_step: float | None = None,
        of: str = "",
        error: type[BaseException] = Killed,
        on_note: Callable[[str], object] | None = None,
    ) -> None:
        self.notes: list[str] = []
        self.tasks: list[Task] = []
        self._at_note, self._at_step, self._of = at_note, at_step, of
        self._error, self._on_note = error, on_note

    def done(self, of: str = "") -> float:
        """Return what was done in the tasks whose description starts so."""
        return sum(task.done for task in self.tasks if task.description.startswith(of))

    @contextmanager
    def task(
        self, description: str, total: float | None, unit: str
    ) -> Iterator[Callable[[float], None]]:
        task = Task(description, total, unit)
        self.tasks.append(task)

        def advance(amount: float) -> None:
            task.done += amount
            if self._at_step is not None and self.done(self._of) > self._at_step:
                raise self._error

        yield advance

    def note(self, text: str) -> None:
        self.notes.append(text)
        if self._on_note is not None:
            self._on_note(text)
        if self._at_note is not None and text.startswith(self._at_note):
            raise self._error

    def chart(self, chart: Chart) -> None:
        self.note(chart.line)
