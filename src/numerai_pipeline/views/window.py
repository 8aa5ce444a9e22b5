"""A window with the curves of a training, in a process of its own.

A window in the training's own process would freeze while an epoch is computed, and a
toolkit that fails can take its process with it. So the window is a child that reads
charts from its standard input; the training only hands over the latest chart and
never waits. When the training's process ends, the window stays with the final curves
until the user closes it, for an hour at most. A script does not wait for it.
"""

import atexit
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import IO

from numerai_pipeline.training import Chart

# Exit code of the child without a toolkit to open a window with; not an error.
NO_TOOLKIT = 3
# And after the user closed the window.
CLOSED = 4

# How long a process that ends waits until its last chart is sent.
_SEND_SECONDS = 2.0

_COMMAND = (sys.executable, "-m", "numerai_pipeline.views.window_process")


class Window:
    """The curves of one training after the other, in one window."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        """Nothing opens before the first chart is there.

        Args:
            command: the process that shows charts.
        """
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._has_news = threading.Condition()
        # The newest chart, if it was not sent yet.
        self._news: list[Chart] = []
        self._is_over = False
        self._sender: threading.Thread | None = None

    def show(self, chart: Chart) -> str | None:
        """Send a chart; never waits and never fails.

        Returns:
            What went wrong, the first time that the window is found to be broken.
            The caller then has no window.
        """
        try:
            if self._process is None:
                self._open()
        except OSError as error:
            return _broken(error)
        ended = self._process.poll() if self._process is not None else None
        if ended is not None:
            self.finish()
            expected = (0, NO_TOOLKIT, CLOSED)
            return None if ended in expected else _broken(f"it ended with {ended}")
        with self._has_news:
            self._news = [chart]
            self._has_news.notify()
        return None

    def finish(self) -> None:
        """Send the newest chart and no more; waits two seconds for that at most."""
        with self._has_news:
            self._is_over = True
            self._has_news.notify()
        if self._sender is not None:
            self._sender.join(_SEND_SECONDS)

    def wait(self, timeout_seconds: float) -> int:
        """Wait until the window is closed, and return how its process ended."""
        return -1 if self._process is None else self._process.wait(timeout_seconds)

    def _open(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._sender = threading.Thread(
            target=self._send, args=(self._process.stdin,), name="window", daemon=True
        )
        self._sender.start()
        atexit.register(self.finish)

    def _send(self, pipe: IO[str]) -> None:
        """Send the newest chart while the child reads."""
        # `show` reports how the process ended.
        with contextlib.suppress(OSError), contextlib.closing(pipe):
            while True:
                with self._has_news:
                    while not self._news and not self._is_over:
                        self._has_news.wait()
                    if not self._news:
                        return
                    chart = self._news.pop()
                pipe.write(json.dumps(asdict(chart)) + "\n")
                pipe.flush()


def _broken(reason: object) -> str:
    return (
        f"the window with the curves does not work ({reason}); training goes on "
        "without it. NAI_WINDOW=0 leaves it out."
    )
