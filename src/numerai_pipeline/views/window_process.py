"""The process of the window: reads charts, a JSON line each, and draws the newest."""

import json
import sys
import threading
from typing import IO, Any

from numerai_pipeline.core import Chart
from numerai_pipeline.training import draw_training
from numerai_pipeline.views.window import CLOSED, NO_TOOLKIT

# How often the window looks for a new chart and answers the mouse.
_GLANCE_SECONDS = 0.1


class _Inbox:
    """The newest line of a stream, read in a thread."""

    def __init__(self, stream: IO[str]) -> None:
        self.is_over = False
        self._stream = stream
        self._newest: str | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def take(self) -> Chart | None:
        """Return the newest chart that was not taken yet."""
        line, self._newest = self._newest, None
        return None if line is None else Chart(**json.loads(line))

    def _read(self) -> None:
        for line in self._stream:
            self._newest = line
        self.is_over = True


def main(stream: IO[str] = sys.stdin) -> int:
    """Show charts until the stream ends or the window is closed.

    Args:
        stream: charts as ``Window`` sends them.

    Returns:
        0 if the stream ended, else ``NO_TOOLKIT`` or ``CLOSED``.
    """
    plt = _pyplot()
    return NO_TOOLKIT if plt is None else show_charts(plt, stream)


def show_charts(plt: Any, stream: IO[str]) -> int:
    """Show charts in a window of ``matplotlib.pyplot``; see ``main``."""
    inbox = _Inbox(stream)
    figure: Any = None
    while True:
        is_over = inbox.is_over  # looked at first: the last chart is drawn too
        chart = inbox.take()
        if chart is not None:
            if figure is None:
                figure = plt.figure("training", layout="constrained")
                plt.show(block=False)
            draw_training(figure, chart)
            figure.canvas.draw_idle()
        if figure is not None and not plt.fignum_exists(figure.number):
            return CLOSED
        if is_over:
            return 0
        if figure is None:
            threading.Event().wait(_GLANCE_SECONDS)
        else:
            figure.canvas.start_event_loop(_GLANCE_SECONDS)


def _pyplot() -> Any:
    """Return ``matplotlib.pyplot`` with a toolkit that opens windows; None without."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from matplotlib.backends.registry import BackendFilter, backend_registry

    mpl.rcParams["figure.raise_window"] = False
    mpl.rcParams["toolbar"] = "None"
    registry: Any = backend_registry
    with_windows = registry.list_builtin(BackendFilter.INTERACTIVE)
    name = plt.get_backend().lower()
    return plt if name in with_windows else None


if __name__ == "__main__":
    sys.exit(main())
