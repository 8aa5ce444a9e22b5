"""What all commands share: the workspace, tables, JSON, progress bars."""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numerai_pipeline.core import SILENT, Progress

if TYPE_CHECKING:
    from rich.console import Console

    from numerai_pipeline.api import Pipeline


@dataclass(frozen=True)
class Shell:
    """The options that stand before the command."""

    root: Path
    is_quiet: bool = False

    @property
    def progress(self) -> Progress:
        """Bars and curves on stderr, or nothing with ``--quiet``."""
        if self.is_quiet:
            return SILENT
        from numerai_pipeline.views import detect_progress

        return detect_progress()

    def pipeline(self) -> "Pipeline":
        """Open the workspace.

        Raises:
            ConfigError: if it has no ``numerai.toml`` or a wrong one.
        """
        from numerai_pipeline.api import Pipeline

        return Pipeline.open(self.root, progress=self.progress)


@cache
def stdout() -> "Console":
    """Where results go; a pipe or a log is as wide as a table needs."""
    from rich.console import Console

    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 160)


def say(text: str, style: str | None = None) -> None:
    """Print a line of the result as it is, in one style."""
    stdout().print(text, style=style, highlight=False, markup=False)


def say_error(text: str) -> None:
    """Print an error on stderr."""
    sys.stderr.write(f"error: {text}\n")


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Print a table; numbers stand to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    for index, column in enumerate(columns):
        is_number = all(isinstance(row[index], int | float) for row in rows)
        justify: Literal["left", "right"] = "right" if is_number and rows else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for row in rows:
        # As texts: a name with square brackets is no markup.
        table.add_row(*(Text(show(value)) for value in row))
    stdout().print(table)


def show(value: object) -> str:
    """Write a value for people.

    >>> show(0.01234567), show(1234567), show(None), show(True)
    ('0.01235', '1,234,567', '–', 'yes')
    """
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        # Losses and scores differ in the fifth decimal, ratios in the second.
        return f"{value:.5f}" if abs(value) < 1 else f"{value:,.3f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Path):
        return _near(value)
    return str(value)


def _near(path: Path) -> str:
    """Write a path from the present folder, if that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def size_in_bytes(text: str | None) -> int | None:
    """Return a size of memory such as ``6GB`` or ``50%`` of the machine's."""
    from numerai_pipeline.core import memory_bytes, parse_bytes

    return parse_bytes(text, whole=memory_bytes()) if text else None


def print_json(value: object) -> None:
    """Print a result as JSON on stdout."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, default=str) + "\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and value != value:
        return None
    return value
