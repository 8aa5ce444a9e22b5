"""The last epochs of a training as a table, and all of them as a line of blocks."""

import math
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from numerai_pipeline.core import Chart

# Lines of a history that stay in sight; with the rest of the view they fit into a
# terminal of 24 lines.
LAST_ROWS = 8

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-~=+*#"
# As wide as the table is, so that the view keeps its shape.
_MOST_BLOCKS = 48

# Wider than any table.
_UNLIMITED = 1_000

_COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("loss", "loss", "{:.5f}".format),
    ("val_loss", "val_loss", "{:.5f}".format),
    ("val_corr", "val_corr", "{:.4f}".format),
    ("val_accuracy", "accuracy", "{:.4f}".format),
    ("rows_per_second", "rows/s", "{:,.0f}".format),
    ("waiting", "waiting", "{:.1%}".format),
    ("seconds", "seconds", "{:.1f}".format),
)
_ALWAYS = frozenset({"loss", "val_loss", "val_corr", "seconds"})
# What a narrow terminal goes without, the first one first: cut numbers tell nothing.
_DISPENSABLE = ("seconds", "waiting", "rows_per_second", "val_accuracy", "loss")


def sparkline(values: Sequence[float], width: int, blocks: str = _BLOCKS) -> str:
    """Draw values as blocks of eight heights.

    Args:
        values: from left to right; NaN leaves a gap.
        width: the most blocks; more values than these are averaged.
        blocks: the characters, from the lowest on.

    >>> sparkline([0, 1, 2, float("nan"), 7], 10)
    '▁▂▃ █'
    >>> sparkline([5, 5], 10)
    '▄▄'
    """
    means = [_mean(part) for part in _parts(values, width)]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    if low == high:
        middle = blocks[len(blocks) // 2 - 1]
        return "".join(middle if math.isfinite(mean) else " " for mean in means)
    top = len(blocks) - 1
    return "".join(
        blocks[round((mean - low) / (high - low) * top)] if math.isfinite(mean) else " "
        for mean in means
    )


def chart_table(chart: Chart, *, without: Collection[str] = ()) -> Table:
    """Return the last lines of a history, with the best one, as a table.

    Args:
        chart: the history.
        without: columns that are left out.
    """
    shown = [
        column
        for column in _COLUMNS
        if column[0] not in without and (column[0] in _ALWAYS or chart.has(column[0]))
    ]
    table = Table(
        box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False
    )
    table.add_column(chart.unit, justify="right")
    for _, title, _ in shown:
        table.add_column(title, justify="right")
    table.add_column("")
    first = max(0, len(chart.rows) - LAST_ROWS)
    numbers = list(range(first, len(chart.rows)))
    if chart.best is not None and chart.best < first:
        numbers = [chart.best, *numbers[1:]]
    for place, number in enumerate(numbers):
        row = chart.rows[number]
        values = [(row.get(name, math.nan), form) for name, _, form in shown]
        is_best = number == chart.best
        table.add_row(
            f"{row['epoch']:.0f}",
            *("–" if math.isnan(value) else form(value) for value, form in values),
            "best" if is_best else "",
            style="bold green" if is_best else None,
            end_section=place == 0 and number < first,
        )
    return table


class ChartView:
    """Table and lines of blocks of one training, for rich."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        blocks = _ASCII_BLOCKS if options.ascii_only else _BLOCKS
        width = max(8, min(_MOST_BLOCKS, options.max_width - 34))
        lines = [
            _curve(self._chart, name, width, blocks, style)
            for name, style in (("val_loss", "blue"), ("val_corr", "dark_orange3"))
            if self._chart.has(name)
        ]
        title = Text(self._chart.title, style="dim", no_wrap=True, overflow="ellipsis")
        yield Group("", title, self._fitting_table(console, options), "", *lines)

    def _fitting_table(self, console: Console, options: ConsoleOptions) -> Table:
        """Return the table with as many columns as there is room for."""
        unlimited = options.update(max_width=_UNLIMITED)
        for n_left_out in range(len(_DISPENSABLE)):
            table = chart_table(self._chart, without=_DISPENSABLE[:n_left_out])
            if table.__rich_measure__(console, unlimited).maximum <= options.max_width:
                return table
        return chart_table(self._chart, without=_DISPENSABLE)


def _curve(chart: Chart, name: str, width: int, blocks: str, style: str) -> Text:
    values = chart.column(name)
    finite = [value for value in values if math.isfinite(value)]
    drawn = sparkline(_without_first_leap(values), width, blocks)
    return Text.assemble(
        f"  {name}  ",
        (drawn, style),
        (f"  {min(finite):.5f} to {max(finite):.5f}", "dim"),
        no_wrap=True,
        overflow="crop",
    )


def _without_first_leap(values: Sequence[float]) -> list[float]:
    """Return values whose first quarter is no higher than the rest ever is.

    A network's first epochs can lose many times more than all others, which would
    then be a flat line.
    """
    rest = [value for value in values[len(values) // 4 :] if math.isfinite(value)]
    highest = max(rest, default=math.inf)
    return [min(value, highest) if math.isfinite(value) else value for value in values]


def _parts(values: Sequence[float], width: int) -> list[Sequence[float]]:
    n_parts = max(1, min(width, len(values)))
    edges = [round(part * len(values) / n_parts) for part in range(n_parts + 1)]
    return [values[low:high] for low, high in pairwise(edges)]


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
