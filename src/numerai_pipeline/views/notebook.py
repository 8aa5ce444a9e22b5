"""Progress in a notebook: a line and a live picture in the cell that is running."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from numerai_pipeline.core import Advance, stopwatch
from numerai_pipeline.training import Chart, draw_training
from numerai_pipeline.views.pace import Pace

# A picture takes a tenth of a second and goes to the browser whole.
_PICTURE_EVERY_SECONDS = 1.0
_LINE_EVERY_SECONDS = 0.25
_WIDTH_PIXELS = 640
_DPI = 110


class NotebookProgress:
    """One line with a bar for the work at hand, and below it the curves.

    Line and picture are replaced in place; what is left in the notebook at the end is
    the last picture and how long it took.
    """

    def __init__(self) -> None:
        self._line: Any = None
        self._picture: Any = None
        self._waiting: Chart | None = None
        self._drawn = 0.0
        self._is_busy = False

    @contextmanager
    def task(
        self, description: str, total: float | None, unit: str
    ) -> Iterator[Advance]:
        """Show how far a task is; a task inside a task shows nothing."""
        if self._is_busy:
            yield lambda _amount: None
            return
        self._is_busy = True
        self._line, self._picture, self._drawn = None, None, 0.0
        pace = Pace(total, unit)
        shown = stopwatch()

        def advance(amount: float) -> None:
            nonlocal shown
            pace.advance(amount)
            now = stopwatch()
            if now - shown >= _LINE_EVERY_SECONDS:
                shown = now
                self._show_line(_bar(description, total, pace))

        self._show_line(_bar(description, total, pace))
        try:
            yield advance
            self._show_line(escape(f"{description}: {_so_far(pace)}"))
        finally:
            self._is_busy = False
            self._draw_waiting()

    def note(self, text: str) -> None:
        """Print a line below the cell."""
        _display(_html(escape(text)))

    def chart(self, chart: Chart) -> None:
        """Redraw the picture, if the last one was drawn a while ago."""
        self._waiting = chart
        is_due = stopwatch() - self._drawn >= _PICTURE_EVERY_SECONDS
        if self._picture is None or is_due or not self._is_busy:
            self._draw_waiting()

    def _draw_waiting(self) -> None:
        if self._waiting is None:
            return
        picture = _picture(self._waiting)
        self._waiting = None
        if self._picture is None:
            self._picture = _display(picture)
        else:
            self._picture.update(picture)
        self._drawn = stopwatch()

    def _show_line(self, html: str) -> None:
        if self._line is None:
            self._line = _display(_html(html))
        else:
            self._line.update(_html(html))


def _bar(description: str, total: float | None, pace: Pace) -> str:
    if not total:
        return escape(f"{description}: {_so_far(pace)}")
    left = pace.seconds_left
    text = f"{description}: {pace.text} of {total:,.0f}"
    return (
        f'<progress value="{min(pace.done, total):.3f}" max="{total:.3f}"></progress> '
        + escape(text if left is None else f"{text}, {left:,.0f} s left")
    )


def _so_far(pace: Pace) -> str:
    return f"{pace.text} in {pace.seconds:,.1f} s"


def _html(html: str) -> Any:
    from IPython.display import HTML

    return HTML(f'<span style="font-family: monospace">{html}</span>')


def _picture(chart: Chart) -> Any:
    from IPython.display import Image
    from matplotlib.figure import Figure

    figure = Figure()
    draw_training(figure, chart)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return Image(data=buffer.getvalue(), format="png", width=_WIDTH_PIXELS)


def _display(shown: Any) -> Any:
    """Show something in the cell and return the handle that replaces it."""
    from IPython.display import display

    return display(shown, display_id=True)
