import math

from numerai_pipeline.core import SILENT, Chart

ROW = {
    "epoch": 3,
    "loss": 0.21,
    "val_loss": 0.22,
    "val_corr": 0.031,
    "seconds": 4.2,
    "val_accuracy": math.nan,
    "rows_per_second": 51_234.0,
    "waiting": 0.03,
    "is_best": False,
}


def chart_of(*rows: dict[str, float]) -> Chart:
    return Chart("mlp", "epoch", rows, None, "val_loss")


def test_the_line_tells_what_is_known() -> None:
    assert chart_of(ROW).line == (
        "epoch 3: loss 0.21000, val_loss 0.22000, val_corr 0.0310, 51,234 rows/s, "
        "3% waiting, 4.2 s"
    )


def test_a_score_that_is_not_defined_is_told_and_the_best_is_named() -> None:
    trees = {**ROW, "rows_per_second": math.nan, "waiting": math.nan, "is_best": True}
    assert chart_of(ROW, {**trees, "val_corr": math.nan}).line == (
        "epoch 3: loss 0.21000, val_loss 0.22000, val_corr nan, 4.2 s, best so far"
    )


def test_columns_fill_with_nan_what_rows_lack() -> None:
    chart = chart_of({"epoch": 1}, ROW)
    assert math.isnan(chart.column("loss")[0])
    assert chart.column("loss")[1] == 0.21
    assert chart.has("loss")
    assert not chart.has("val_accuracy")


def test_silence_takes_everything() -> None:
    with SILENT.task("work", 1, "rows") as advance:
        advance(1)
        SILENT.note("heard by nobody")
        SILENT.chart(chart_of(ROW))
