"""The process of the window: reads charts, a JSON line each, and draws the newest."""

import json
import math
import sys
import threading
from typing import IO, Any

from numerai_pipeline.core import stopwatch
from numerai_pipeline.training import Chart, Epoch, draw_training
from numerai_pipeline.views.window import CLOSED, NO_TOOLKIT

# How often the window checks for a new chart and handles the mouse.
_GLANCE_SECONDS = 0.1

# How long it stays after the training: no window is left for ever.
_KEEP_SECONDS = 3_600.0


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
        if line is None:
            return None
        record = json.loads(line)
        return Chart(**{**record, "rows": [Epoch(**row) for row in record["rows"]]})

    def _read(self) -> None:
        for line in self._stream:
            self._newest = line
        self.is_over = True


def main(stream: IO[str] = sys.stdin) -> int:
    """Show charts until the window is closed, or an hour after the stream ends.

    Args:
        stream: charts as ``Window`` sends them.

    Returns:
        0 if the stream ended, else ``NO_TOOLKIT`` or ``CLOSED``.
    """
    plt = _pyplot()
    return NO_TOOLKIT if plt is None else show_charts(plt, stream, _KEEP_SECONDS)


def show_charts(plt: Any, stream: IO[str], keep_seconds: float) -> int:
    """Show charts in a window of ``matplotlib.pyplot``; see ``main``.

    Args:
        plt: the module.
        stream: charts as ``Window`` sends them.
        keep_seconds: how long the window stays when the stream has ended.
    """
    inbox = _Inbox(stream)
    figure: Any = None
    closes_at = math.inf
    while True:
        is_over = inbox.is_over  # read first: the last chart is drawn too
        chart = inbox.take()
        if chart is not None:
            if figure is None:
                figure = plt.figure("training")
                plt.show(block=False)
            draw_training(figure, chart)
            figure.canvas.draw_idle()
        if figure is not None and not plt.fignum_exists(figure.number):
            return CLOSED
        if is_over and closes_at == math.inf:
            closes_at = stopwatch() + (keep_seconds if figure is not None else 0.0)
            if figure is not None:
                title = "training is over: close this window"
                figure.canvas.manager.set_window_title(title)
        if stopwatch() >= closes_at:
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
