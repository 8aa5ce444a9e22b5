import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.core import DataError
from numerai_pipeline.training import COLUMNS, Chart, Epoch, best_epoch
from numerai_pipeline.training.history import (
    best_row,
    measured_of_window,
    read_history,
    stale_epochs,
    write_history,
)

ANY_FLOAT = st.floats(allow_infinity=False)


def rows_of(val_losses, val_corrs=None):
    val_corrs = val_corrs or [0.0] * len(val_losses)
    return [
        Epoch(number, 0.1, loss, corr, 1.0, is_best=False)
        for number, (loss, corr) in enumerate(
            zip(val_losses, val_corrs, strict=True), start=1
        )
    ]


def test_defect_3_best_epoch_is_the_lowest_loss():
    losses = [0.30, 0.20, 0.10, 0.15, 0.25]
    assert best_epoch(losses) == 3
    best = best_row(rows_of(losses), "val_loss")
    assert best is not None
    assert best.epoch == 3


def test_the_best_by_corr_is_the_highest():
    rows = rows_of([0.3, 0.2, 0.1], [0.01, 0.03, 0.02])
    assert best_row(rows, "val_corr").epoch == 2


@given(st.lists(ANY_FLOAT))
def test_the_best_epoch_is_never_nan_and_never_beaten(values):
    best = best_epoch(values)
    numbers = [value for value in values if not math.isnan(value)]
    if not numbers:
        assert best is None
    else:
        assert values[best - 1] == min(numbers)
        assert best_epoch([-value for value in values], mode="max") == best


@pytest.mark.parametrize(
    ("losses", "threshold", "stale"),
    [
        ([], 0.0, 0),
        ([0.3], 0.0, 0),
        ([0.3, 0.2, 0.1, 0.15, 0.25], 0.0, 2),
        ([0.3, 0.3, 0.3], 0.0, 2),
        # 0.29 and 0.28 are no improvement of 0.05 over 0.30, 0.24 is.
        ([0.3, 0.29, 0.28], 0.05, 2),
        ([0.3, 0.29, 0.24], 0.05, 0),
        ([math.nan, math.nan], 0.0, 2),
    ],
)
def test_patience_counts_epochs_without_an_improvement(losses, threshold, stale):
    assert stale_epochs(rows_of(losses), "val_loss", threshold) == stale


def test_a_small_improvement_is_the_best_though_it_does_not_renew_the_patience():
    rows = rows_of([0.30, 0.29, 0.28])
    assert best_row(rows, "val_loss").epoch == 3
    assert stale_epochs(rows, "val_loss", 0.05) == 2


def test_the_best_by_accuracy_is_the_highest():
    rows = [
        replace(row, val_accuracy=accuracy)
        for row, accuracy in zip(rows_of([0.3, 0.2, 0.1]), [0.5, 0.7, 0.6], strict=True)
    ]
    assert best_row(rows, "val_accuracy").epoch == 2


@given(
    st.lists(
        st.builds(
            Epoch, st.integers(), *[ANY_FLOAT] * 4, st.booleans(), *[ANY_FLOAT] * 3
        )
    )
)
def test_a_history_reads_back_to_the_last_digit(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("run") / "history.csv"
    write_history(rows, path)
    assert repr(read_history(path)) == repr(rows)


@pytest.mark.parametrize(
    "text",
    [
        "<html>",
        "epoch,loss\n1,0.1\n",
        "epoch,loss,val_loss,val_corr,seconds,is_best\n1,0.1,0.",
        "epoch,loss,val_loss,val_corr,seconds,is_best\n1,0.1,x,0.1,1,1\n",
        "epoch,loss,val_loss,val_corr,seconds,is_best\n1,0.1,0.1,0.1,1,1\n",
    ],
)
def test_a_broken_history_is_named(tmp_path, text):
    path = tmp_path / "mlp/runs/2026/history.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n2,")
    sentence = r"history\.csv is not a whole history .*nai train --restart mlp"
    with pytest.raises(DataError, match=sentence):
        read_history(path)


def test_columns_of_other_versions_do_not_matter(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(
        "epoch,loss,val_loss,val_corr,seconds,is_best,gone\n1,0.1,0.2,0.3,1,1,5\n"
    )
    assert read_history(path) == [Epoch(1, 0.1, 0.2, 0.3, 1.0, is_best=True)]
    assert math.isnan(read_history(path)[0].waiting)


def test_every_column_is_measured_once_and_shown_everywhere():
    names = set(COLUMNS)
    assert names == {one.name for one in fields(Epoch)} - {
        "epoch",
        "is_best",
        "penalty",
    }
    assert {name for name in names if COLUMNS[name].better} == {
        "val_loss",
        "val_corr",
        "val_accuracy",
    }


KNOWN = Epoch(
    3, 0.21, 0.22, 0.031, 4.2, is_best=False, rows_per_second=51_234.0, waiting=0.03
)


def test_the_line_has_what_is_known():
    assert Chart("mlp", "epoch", [KNOWN], "val_loss").line == (
        "epoch 3: loss 0.21000, val_loss 0.22000, val_corr 0.0310, 4.2 seconds, "
        "51,234 rows/s, 3.0% waiting"
    )


def test_a_score_that_is_not_defined_is_shown_and_the_best_is_named():
    trees = Epoch(3, 0.21, 0.22, math.nan, 4.2, is_best=True)
    assert Chart("mlp", "tree", [trees], "val_loss").line == (
        "tree 3: loss 0.21000, val_loss 0.22000, val_corr nan, 4.2 seconds, best so far"
    )


def test_a_refit_has_no_scores_in_its_line():
    row = Epoch(3, 0.21, math.nan, math.nan, 4.2, is_best=True)
    chart = Chart("mlp", "epoch", [row], "val_loss")
    assert chart.line == "epoch 3: loss 0.21000, 4.2 seconds, best so far"
    assert chart.best is None


def test_a_window_has_the_scores_of_its_best_epoch_and_the_time_of_all():
    rows = [KNOWN, replace(KNOWN, val_loss=0.2, seconds=1.0, rows_per_second=48_766.0)]
    found = measured_of_window(rows, rows[1])
    assert found["val_loss"] == 0.2
    assert found["seconds"] == 5.2
    assert found["rows_per_second"] == 50_000.0
