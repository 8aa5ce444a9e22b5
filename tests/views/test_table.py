import io
import math

import pytest
from rich.console import Console

from numerai_pipeline.training import Chart, Epoch
from numerai_pipeline.views import chart_table, sparkline
from numerai_pipeline.views.table import LAST_ROWS, ChartView


def printed(shown, width=80, **options):
    file = io.StringIO()
    Console(file=file, width=width, **options).print(shown)
    return file.getvalue()


@pytest.mark.parametrize(
    ("values", "width", "blocks"),
    [
        ([], 8, ""),
        ([math.nan, math.nan], 8, ""),
        ([1.0], 8, "▄"),
        ([0.0, 7.0], 8, "▁█"),
        ([0.0, 0.0, 7.0, 7.0], 2, "▁█"),
        ([0.0, math.nan, 7.0], 8, "▁ █"),
        (list(range(1000)), 8, "▁▂▃▄▅▆▇█"),
    ],
)
def test_blocks_are_as_high_as_values(values, width, blocks):
    assert sparkline(values, width) == blocks


def test_the_last_epochs_are_shown_and_the_best_before_them(make_chart):
    lines = [*filter(str.split, printed(chart_table(make_chart(30))).splitlines())]
    numbers = [line.split()[0] for line in lines[2:]]
    assert numbers == ["16", *map(str, range(24, 31))]
    assert len(numbers) == LAST_ROWS
    assert [line.split()[0] for line in lines if line.rstrip().endswith("best")] == [
        "16"
    ]


def test_columns_that_are_not_known_are_left_out(make_chart):
    assert "rows/s" not in printed(chart_table(make_chart()))
    shown = printed(chart_table(make_chart(rows_per_second=51_234.0, waiting=0.031)))
    assert "51,234" in shown
    assert "3.1%" in shown
    assert "accuracy" not in shown


def test_a_score_that_is_not_defined_is_a_dash(make_chart):
    assert "–" in printed(chart_table(make_chart(val_corr=math.nan)))


def test_all_columns_fit_into_80(make_chart):
    chart = make_chart(40, rows_per_second=1_234_567.0, waiting=0.031)
    for line in printed(ChartView(chart)).splitlines():
        assert len(line.rstrip()) <= 80
    assert "…" not in printed(ChartView(chart))


@pytest.mark.parametrize("width", [40, 50, 60, 70])
def test_a_narrow_terminal_has_fewer_columns_and_whole_numbers(make_chart, width):
    chart = make_chart(40, rows_per_second=1_234_567.0, waiting=0.031)
    shown = printed(ChartView(chart), width=width)
    assert "…" not in shown
    assert "val_loss  val_corr" in shown
    assert ("waiting" in shown) == (width >= 70)
    assert ("seconds" in shown) == (width >= 50)


def test_the_curves_stand_below(make_chart):
    *_, loss, corr = printed(ChartView(make_chart(9))).splitlines()
    assert loss.split()[0] == "val_loss"
    assert "█" in loss
    assert "0.23000 to 0.23400" in loss
    assert corr.split()[0] == "val_corr"


def test_a_first_epoch_that_loses_much_does_not_flatten_the_rest():
    losses = [90.0, 0.26, 0.25, 0.24, 0.23, 0.22, 0.21, 0.20]
    rows = [
        Epoch(n, 0.2, loss, 0.0, 1.0, is_best=True) for n, loss in enumerate(losses)
    ]
    line = printed(ChartView(Chart("m", "epoch", rows, "val_loss"))).splitlines()[-2]
    assert len(set(line.split()[1])) >= 6
    assert "0.20000 to 90.00000" in line
