import math

import pytest
from matplotlib.figure import Figure

from numerai_pipeline.training import Chart, Epoch, draw_training, plot_training

LOSSES, CORR = "loss of training and validation", "CORR of validation, mean per era"


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
    chart = Chart("mlp", unit, rows, monitor)
    draw_training(figure, chart)
    figure.draw_without_rendering()
    return figure


def headings(figure):
    return [axes.get_title("left") for axes in figure.axes]


def stars(figure):
    """Return in which panels, and where, the best is starred."""
    return [
        (axes.get_title("left"), line.get_xdata()[0], line.get_ydata()[0])
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() == "*"
    ]


def test_the_best_is_starred_where_it_was_chosen():
    rows = history(5)
    assert stars(drawn(rows)) == [(LOSSES, 3, 0.24)]
    assert stars(drawn(rows, "val_corr")) == [(CORR, 5, 0.025)]


def test_title_and_foot_give_the_numbers():
    rows = history(5, rows_per_second=[50_000.0] * 5, waiting=[0.04] * 5)
    figure = drawn(rows)
    assert figure.get_suptitle() == (
        "mlp\nbest at epoch 3 by val_loss: val_loss 0.24000, val_corr 0.0230"
    )
    assert [text.get_text() for text in figure.texts if text.get_fontsize() == 8] == [
        "5 epochs, 10.0 seconds, 50,000 rows/s, 4.0% waiting"
    ]


def test_one_epoch_is_a_picture_too():
    figure = drawn(history(1))
    low, high = figure.axes[-1].get_xlim()
    assert low < 1 < high
    assert "1 epoch, 2.0 seconds" in [text.get_text() for text in figure.texts]


def test_scores_that_are_never_defined_are_said():
    figure = drawn(history(4, val_corr=[math.nan] * 4))
    assert any("not defined" in text.get_text() for text in figure.axes[1].texts)


def test_no_best_is_said():
    chart = Chart("mlp", "epoch", history(1, val_corr=[math.nan]), "val_corr")
    figure = Figure(layout="constrained")
    draw_training(figure, chart)
    assert figure.get_suptitle() == "mlp\nno best epoch yet"


def test_accuracy_has_a_panel_where_there_is_one():
    assert headings(drawn(history(4))) == [LOSSES, CORR]
    figure = drawn(history(4, val_accuracy=[0.3, 0.4, 0.5, 0.4]), "val_accuracy")
    assert headings(figure) == [LOSSES, CORR, "accuracy of validation"]
    assert stars(figure) == [("accuracy of validation", 3, 0.5)]


def test_validation_losses_that_hardly_move_get_a_panel_of_their_own():
    falling = [0.25 - 0.005 * number for number in range(200)]
    flat = [0.25 - 0.0001 * min(number, 120) for number in range(200)]
    figure = drawn(history(200, loss=falling, val_loss=flat), unit="tree")
    assert headings(figure) == ["loss of training", "loss of validation", CORR]
    low, high = figure.axes[1].get_ylim()
    assert high - low < 0.02


def test_a_window_keeps_its_size():
    figure = drawn(history(3))
    figure.set_size_inches(5, 5)
    chart = Chart("mlp", "epoch", history(4), "val_loss")
    draw_training(figure, chart)
    assert tuple(figure.get_size_inches()) == (5, 5)


@pytest.mark.parametrize("n_rows", [1, 2, 60])
def test_the_png_appears(tmp_path, n_rows):
    path = tmp_path / "training.png"
    rows = history(n_rows)
    plot_training(Chart("mlp", "epoch", rows, "val_loss"), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_refit_has_no_panel_of_scores():
    nan = [math.nan] * 3
    figure = drawn(history(3, val_loss=nan, val_corr=nan))
    assert headings(figure) == ["loss of training"]
    assert figure.get_suptitle() == "mlp\ntrained without validation eras"


def test_no_mark_is_cut_in_half():
    figure = drawn(history(8, val_loss=[90.0, *[0.26 - 0.001 * n for n in range(7)]]))
    # What is far above is a whole mark at the edge, not a line into nowhere.
    lines = [line for axes in figure.axes for line in axes.lines]
    [above] = [line for line in lines if line.get_marker() == "^"]
    assert above.get_ydata()[0] == above.axes.get_ylim()[1]
    for axes in figure.axes:
        low, high = axes.get_ylim()
        for line in axes.lines:
            if line.get_marker() in ("o", "*", "^"):
                values = [float(y) for y in line.get_ydata() if not math.isnan(y)]
                assert not line.get_clip_on()
                assert low <= min(values)
                assert max(values) <= high
    assert figure.axes[0].get_ylim()[1] < 1
