"""Progress in a terminal: bars, and below them the curves of a training.

In a pipe or a log file each epoch is a line.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from numerai_pipeline.core import Advance
from numerai_pipeline.training import Chart
from numerai_pipeline.views.pace import Pace
from numerai_pipeline.views.window import Window

if TYPE_CHECKING:
    from rich.console import Console

# Often enough to look alive, without slowing a training on two cores.
_DRAWN_PER_SECOND = 4


class TerminalProgress:
    """Bars with time left, on stderr; the table of a training below them."""

    def __init__(
        self, console: "Console | None" = None, *, window: Window | None = None
    ) -> None:
        """Show on a console, and the curves in a window too.

        Args:
            console: None: stderr.
            window: shows the curves of a training; None: nothing does.
        """
        self._console = console
        self._window = window
        self._bars: Any = None

    @contextmanager
    def task(
        self, description: str, total: float | None, unit: str
    ) -> Iterator[Advance]:
        """Show one bar; bars of tasks inside a task stand below it."""
        is_owner = self._bars is None
        if self._bars is None:
            self._bars = _bars(self._console or stderr())
            self._bars.start()
        bars, pace = self._bars, Pace(total, unit)
        task = bars.add_task(description, total=total, pace=pace)

        def advance(amount: float) -> None:
            pace.advance(amount)
            bars.advance(task, amount)

        try:
            yield advance
            # Training may stop early: what was not needed is not left to do.
            bars.update(task, total=pace.done)
        finally:
            if is_owner:
                bars.stop()
                self._bars = None
            else:
                bars.remove_task(task)

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        (self._console or stderr()).print(
            text, highlight=False, markup=False, soft_wrap=True
        )

    def chart(self, chart: Chart) -> None:
        """Redraw the table below the bars; without a terminal, print the last line."""
        if self._bars is not None and self._bars.console.is_interactive:
            self._bars.show_chart(chart)
        else:
            self.note(chart.line)
        if self._window is not None:
            problem = self._window.show(chart)
            if problem:
                self.note(problem)
                self._window = None


@cache
def stderr() -> "Console":
    """Return the console that progress goes to."""
    from rich.console import Console

    return Console(stderr=True)


def _bars(console: "Console") -> Any:
    """Return bars with room for a chart below them."""
    from rich.console import RenderableType
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    from numerai_pipeline.views.table import ChartView

    class TimeLeft(ProgressColumn):
        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            left = task.fields["pace"].seconds_left
            if left is None or task.finished:
                return Text()
            return Text(f"{timedelta(seconds=round(left))} left", style="cyan")

    class Bars(Progress):
        view: ChartView | None = None

        def show_chart(self, chart: Chart) -> None:
            self.view = ChartView(chart)

        def get_renderables(self) -> Iterable[RenderableType]:
            yield from super().get_renderables()
            if self.view is not None:
                yield self.view

    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[pace].text}"),
        TimeElapsedColumn(),
        TimeLeft(),
        console=console,
        refresh_per_second=_DRAWN_PER_SECOND,
    )
