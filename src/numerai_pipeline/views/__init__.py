"""A long piece of work while it runs: in a terminal, a notebook, a window."""

from numerai_pipeline.views.detect import detect_progress
from numerai_pipeline.views.notebook import NotebookProgress
from numerai_pipeline.views.table import chart_table, sparkline
from numerai_pipeline.views.terminal import TerminalProgress
from numerai_pipeline.views.window import Window

__all__ = [
    "NotebookProgress",
    "TerminalProgress",
    "Window",
    "chart_table",
    "detect_progress",
    "sparkline",
]
