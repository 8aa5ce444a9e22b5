"""Which view fits the place where the process runs."""

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from numerai_pipeline.core import Progress
from numerai_pipeline.views.notebook import NotebookProgress
from numerai_pipeline.views.terminal import TerminalProgress
from numerai_pipeline.views.window import Window

WINDOW_VARIABLE = "NAI_WINDOW"
# Backends of matplotlib that draw into files or browsers, not into a window.
_NO_WINDOW = frozenset(
    ("agg", "cairo", "ipympl", "nbagg", "pdf", "pgf", "ps", "svg", "template", "webagg")
)


def detect_progress() -> Progress:
    """Return the progress for this process: a cell of a notebook, or the terminal.

    A terminal on a desktop gets a window with the curves of a training too.
    """
    if is_notebook():
        return NotebookProgress()
    has_window = may_open_window(
        os.environ, sys.platform, is_terminal=sys.stderr.isatty()
    )
    return TerminalProgress(window=_window() if has_window else None)


@cache
def _window() -> Window:
    """Return the window of this process: one training after the other shows there."""
    return Window()


def is_notebook() -> bool:
    """Return whether the process is the kernel of a notebook.

    IPython is not a dependency: a kernel has imported it already.
    """
    ipython: Any = sys.modules.get("IPython")
    if ipython is None:
        return False
    return getattr(ipython.get_ipython(), "kernel", None) is not None


def may_open_window(
    environ: Mapping[str, str], platform: str, *, is_terminal: bool
) -> bool:
    """Return whether the user has a display to open a window on.

    Args:
        environ: the environment; ``NAI_WINDOW=0`` or a backend of matplotlib in
            ``MPLBACKEND`` that has no windows prevents it.
        platform: as in ``sys.platform``.
        is_terminal: whether the process was started from a terminal; a cron job or
            a pipe gets no window.

    >>> may_open_window({"DISPLAY": ":0"}, "linux", is_terminal=True)
    True
    >>> may_open_window({"DISPLAY": ":0", "NAI_WINDOW": "0"}, "linux", is_terminal=True)
    False
    """
    if not is_terminal or environ.get(WINDOW_VARIABLE, "1") == "0":
        return False
    backend = environ.get("MPLBACKEND", "").lower()
    if backend in _NO_WINDOW or backend.startswith("module://"):
        return False
    if platform in ("win32", "darwin"):
        # A user who logged in over the network sees no window of this machine.
        return "SSH_CONNECTION" not in environ
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
