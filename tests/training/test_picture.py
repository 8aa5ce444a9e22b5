import math

import pytest
from matplotlib.figure import Figure

from numerai_pipeline.core import Chart
from numerai_pipeline.training import Epoch, draw_training, plot_training
from numerai_pipeline.training.picture import chart_of


def history(n_rows, **columns):
    return [
        Epoch(
            **{
                "epoch": number,
                "loss": 0.243 - 0.001 * number,
                "val_loss": 0.24 + 0.001 * abs(number - 3),
                "val_corr": 0.02 + 0.001 * number,
                "seconds": 2.0,
                "is_best": number <= 3,
                **{name: values[number - 1] for name, values in columns.items()},
            }
        )
        for number in range(1, n_rows + 1)
    ]


def drawn(rows, monitor="val_loss", unit="epoch"):
    figure = Figure(layout="constrained")
    chart = chart_of(rows, title="mlp", unit=unit, monitor=monitor)
    draw_training(figure, chart)
    figure.draw_without_rendering()
    return figure


def labels(figure):
    return [axes.get_ylabel() for axes in figure.axes]


def stars(figure):
    """Return in which panels, and where, the best is starred."""
    return [
        (axes.get_ylabel(), line.get_xdata()[0], line.get_ydata()[0])
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() == "*"
    ]


def test_the_best_is_starred_where_it_was_chosen():
    rows = history(5)
    assert stars(drawn(rows)) == [("loss", 3, 0.24)]
    assert stars(drawn(rows, "val_corr")) == [("CORR", 5, 0.025)]


def test_title_and_foot_tell_the_numbers():
    rows = history(5, rows_per_second=[50_000.0] * 5, waiting=[0.04] * 5)
    figure = drawn(rows)
    assert figure.get_suptitle() == (
        "mlp\nbest at epoch 3 by val_loss: val_loss 0.24000, val_corr 0.0230"
    )
    assert [text.get_text() for text in figure.texts if text.get_fontsize() == 8] == [
        "5 epochs in 10 s, 50,000 rows/s, 4% of the time waiting for data"
    ]


def test_one_epoch_is_a_picture_too():
    figure = drawn(history(1))
    low, high = figure.axes[-1].get_xlim()
    assert low < 1 < high
    assert "1 epoch in 2 s" in [text.get_text() for text in figure.texts]


def test_scores_that_are_never_defined_are_said():
    figure = drawn(history(4, val_corr=[math.nan] * 4))
    assert any("not defined" in text.get_text() for text in figure.axes[1].texts)


def test_no_best_is_said():
    chart = Chart("mlp", "epoch", [{"epoch": 1, "loss": 1.0}], None, "val_corr")
    figure = Figure(layout="constrained")
    draw_training(figure, chart)
    assert figure.get_suptitle() == "mlp\nno best epoch yet"


def test_accuracy_has_a_panel_where_there_is_one():
    assert labels(drawn(history(4))) == ["loss", "CORR"]
    figure = drawn(history(4, val_accuracy=[0.3, 0.4, 0.5, 0.4]), "val_accuracy")
    assert labels(figure) == ["loss", "CORR", "accuracy"]
    assert stars(figure) == [("accuracy", 3, 0.5)]


def test_held_out_losses_that_hardly_move_get_a_panel_of_their_own():
    falling = [0.25 - 0.005 * number for number in range(200)]
    flat = [0.25 - 0.0001 * min(number, 120) for number in range(200)]
    figure = drawn(history(200, loss=falling, val_loss=flat), unit="tree")
    assert labels(figure) == ["loss", "loss", "CORR"]
    low, high = figure.axes[1].get_ylim()
    assert high - low < 0.02


def test_a_window_keeps_its_size():
    figure = drawn(history(3))
    figure.set_size_inches(5, 5)
    chart = chart_of(history(4), title="mlp", unit="epoch", monitor="val_loss")
    draw_training(figure, chart)
    assert tuple(figure.get_size_inches()) == (5, 5)


@pytest.mark.parametrize("n_rows", [1, 2, 60])
def test_the_png_appears(tmp_path, n_rows):
    path = tmp_path / "training.png"
    rows = history(n_rows)
    plot_training(chart_of(rows, title="mlp", unit="epoch", monitor="val_loss"), path)
    assert path.read_bytes().startswith(b"\x89PNG")
