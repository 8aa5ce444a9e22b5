"""Tables and lines on stdout, as wide as the terminal."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api import Outcome
from numerai_pipeline.core import printable

if TYPE_CHECKING:
    from rich.console import Console

# Texts folded to fewer characters than these cannot be read.
_LEAST_WIDTH = 10


@dataclass(frozen=True)
class Cell:
    """A text in a style of its own, such as ``0.0190 ±0.0070`` in green.

    Attributes:
        text: as it is to be read.
        style: of Rich.
        is_number: whether it is aligned to the right and never folded.
    """

    text: str
    style: str = ""
    is_number: bool = True


@cache
def stdout() -> "Console":
    """Return the console for results; a pipe or a log is as wide as a table needs."""
    from rich.console import Console

    return Console(soft_wrap=True, width=None if sys.stdout.isatty() else 160)


def harmless(text: str) -> str:
    """Return lines that cannot rewrite a terminal: they may quote others' files."""
    return "\n".join(map(printable, text.split("\n")))


def echo(text: str, style: str | None = None) -> None:
    """Print a line of the result in one style; a terminal breaks it between words."""
    console, text = stdout(), harmless(text)
    if console.is_terminal:  # a word that is longer than the line, a path, stays whole
        wrap = TextWrapper(
            console.width, break_long_words=False, break_on_hyphens=False
        )
        text = "\n".join(wrap.fill(line) for line in text.split("\n"))
    console.print(text, style=style, highlight=False, markup=False)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    console: "Console | None" = None,
    *,
    padding: int = 1,
) -> None:
    """Print a table; numbers are aligned to the right.

    Long texts are folded where the terminal is narrow, numbers never. Where even that
    has no room, each row is a paragraph with one line per column.

    Args:
        title: stands above it.
        columns: their headings.
        rows: a value per column each.
        console: where to; None: stdout.
        padding: spaces on both sides of a column.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = console or stdout()
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, padding),
    )
    shown: list[list[Text]] = []
    least = 0
    for index, column in enumerate(columns):
        values = [row[index] for row in rows]
        texts = list(map(harmless, _format_column(values)))
        is_number = bool(values) and all(v is None or _is_number(v) for v in values)
        # As Text, so that square brackets in a name are not markup.
        table.add_column(
            Text(column),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_number,
        )
        width = max(map(len, (column, *texts)))
        # The columns are divided by a space.
        least += 2 * padding + 1
        least += width if is_number else min(width, _LEAST_WIDTH)
        shown.append(
            [
                Text(text, style=value.style if isinstance(value, Cell) else "")
                for text, value in zip(texts, values, strict=True)
            ]
        )
    for row in zip(*shown, strict=True):
        table.add_row(*row)
    if least < console.width:
        console.print(table)
        return
    console.print(Text(title, style="bold"))
    for row in zip(*shown, strict=True):
        for column, text in zip(columns, row, strict=True):
            if text.plain:
                console.print(Text(f"  {column}: " if column else "  ") + text)
        console.print()


def format_value(value: object) -> str:
    """Format a value for people.

    >>> format_value(0.01234567), format_value(1234567), format_value(None)
    ('0.01235', '1,234,567', '–')
    """
    return _format_column([value])[0]


def _format_column(values: Sequence[object]) -> list[str]:
    """Format the values of a column; its fractions have equally many digits.

    >>> _format_column([0.93955, 1.10612, None])
    ['0.940', '1.106', '–']
    """
    finite = [v for v in values if isinstance(v, float) and v == v]
    # Losses and scores differ in the fifth decimal, ratios in the second.
    form = ".5f" if all(abs(value) < 1 for value in finite) else ",.3f"
    return [_format(value, form) for value in values]


def _format(value: object, form: str) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return format(value, form)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Path):
        return _relative(value)
    return value.text if isinstance(value, Cell) else str(value)


def _is_number(value: object) -> bool:
    if isinstance(value, Cell):
        return value.is_number
    return isinstance(value, int | float) and not isinstance(value, bool)


def _relative(path: Path) -> str:
    """Write a path from the current folder, if that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def failed_row(outcome: Outcome[Any], n_columns: int) -> tuple[object, ...]:
    """Return the row of a model that failed; the reason is printed below."""
    return (outcome.name, *[None] * (n_columns - 2), "failed")
