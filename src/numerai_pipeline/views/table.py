"""The last epochs of a training as a table, and all of them as a line of blocks."""

import math
from collections.abc import Collection, Sequence
from itertools import cycle, pairwise

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from numerai_pipeline.training import COLUMNS, Chart

# Lines of a history that stay in sight; with the rest of the view they fit into a
# terminal of 24 lines.
LAST_ROWS = 8

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-~=+*#"
# As wide as the table is, so that the view keeps its shape.
_MOST_BLOCKS = 48

# Wider than any table.
_UNLIMITED = 1_000

# Of the lines of blocks.
_STYLES = ("blue", "dark_orange3", "purple")


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
    shown = [name for name in chart.columns if name not in without]
    table = Table(
        box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False
    )
    table.add_column(chart.unit, justify="right")
    for name in shown:
        table.add_column(COLUMNS[name].unit or name, justify="right")
    table.add_column("")
    first = max(0, len(chart.rows) - LAST_ROWS)
    numbers = list(range(first, len(chart.rows)))
    if chart.best is not None and chart.best < first:
        numbers = [chart.best, *numbers[1:]]
    for place, number in enumerate(numbers):
        row = chart.rows[number]
        values = [(getattr(row, name), COLUMNS[name]) for name in shown]
        is_best = number == chart.best
        table.add_row(
            row.label,
            *("–" if math.isnan(value) else one.text(value) for value, one in values),
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
        scores = [name for name in self._chart.columns if COLUMNS[name].better]
        lines = [
            _curve(self._chart, name, width, blocks, style)
            for name, style in zip(scores, cycle(_STYLES), strict=False)
            if self._chart.has(name)
        ]
        title = Text(self._chart.title, style="dim", no_wrap=True, overflow="ellipsis")
        yield Group("", title, self._fitting_table(console, options), "", *lines)

    def _fitting_table(self, console: Console, options: ConsoleOptions) -> Table:
        """Return the table with as many columns as there is room for.

        A narrow terminal goes without the last columns first: cut numbers say nothing.
        What chooses the best epoch stays.
        """
        unlimited = options.update(max_width=_UNLIMITED)
        names = reversed(self._chart.columns)
        dispensable = [name for name in names if not COLUMNS[name].better]
        for n_left_out in range(len(dispensable)):
            table = chart_table(self._chart, without=dispensable[:n_left_out])
            if table.__rich_measure__(console, unlimited).maximum <= options.max_width:
                return table
        return chart_table(self._chart, without=dispensable)


def _curve(chart: Chart, name: str, width: int, blocks: str, style: str) -> Text:
    values = chart.column(name)
    finite = [value for value in values if math.isfinite(value)]
    if COLUMNS[name].better == "lower":
        values = _without_first_leap(values)
    drawn, text = sparkline(values, width, blocks), COLUMNS[name].text
    return Text.assemble(
        f"  {name}  ",
        (drawn, style),
        (f"  {text(min(finite))} to {text(max(finite))}", "dim"),
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
