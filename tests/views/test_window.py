import io
import json
import sys
import threading
import time
from dataclasses import asdict

import matplotlib.pyplot as plt
import pytest
from child import run_python

from numerai_pipeline.views import Window
from numerai_pipeline.views.window import CLOSED, NO_TOOLKIT
from numerai_pipeline.views.window_process import main, show_charts

# Reads one chart, and ends as if the person had closed the window.
READER = f"""
import sys
line = sys.stdin.readline()
sys.exit({CLOSED} if '"title": "mlp"' in line else 1)
"""


def ended(code):
    return [sys.executable, "-c", f"import sys; sys.exit({code})"]


def test_a_chart_arrives(make_chart):
    window = Window([sys.executable, "-c", READER])
    assert window.show(make_chart()) is None
    assert window.wait(120) == CLOSED
    assert window.show(make_chart()) is None


@pytest.mark.parametrize("code", [0, NO_TOOLKIT, CLOSED])
def test_no_toolkit_or_a_closed_window_is_nobodys_trouble(make_chart, code):
    window = Window(ended(code))
    assert window.show(make_chart()) is None
    window.wait(120)
    assert window.show(make_chart()) is None


def test_a_toolkit_that_dies_is_told(make_chart):
    window = Window(ended(9))
    window.show(make_chart())
    window.wait(120)
    problem = window.show(make_chart())
    assert problem is not None
    assert "ended with 9" in problem
    assert "NAI_WINDOW=0" in problem


# Reads nothing, and ends when a file is there; waits a minute for it.
DEAF = """
import pathlib, sys, time
for _ in range(600):
    if pathlib.Path(sys.argv[1]).exists():
        sys.exit(0)
    time.sleep(0.1)
sys.exit(1)
"""


def test_a_process_that_does_not_read_blocks_nothing(make_chart, tmp_path):
    end = tmp_path / "end"
    window = Window([sys.executable, "-c", DEAF, str(end)])
    for _ in range(50):
        assert window.show(make_chart(2_000)) is None
    end.touch()
    assert window.wait(120) == 0


def test_a_backend_without_windows_opens_none():
    assert main(io.StringIO("")) == NO_TOOLKIT


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_the_newest_chart_is_drawn_until_the_stream_ends(make_chart):
    lines = "".join(
        json.dumps(asdict(make_chart(n_rows, title=f"after {n_rows}"))) + "\n"
        for n_rows in (1, 5)
    )
    assert show_charts(plt, io.StringIO(lines), keep_seconds=0) == 0
    figure = plt.figure("training")
    assert figure.get_suptitle().startswith("after 5\nbest at epoch 3 by val_loss")
    plt.close(figure)


def line_of(chart):
    return json.dumps(asdict(chart)) + "\n"


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_the_window_stays_after_the_training_until_it_is_closed(make_chart):
    closing = threading.Timer(0.5, plt.close, ["training"])
    closing.start()
    charts = io.StringIO(line_of(make_chart()))
    assert show_charts(plt, charts, keep_seconds=600) == CLOSED
    closing.join()


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_a_window_that_nobody_closes_ends_by_itself(make_chart):
    started = time.monotonic()
    assert show_charts(plt, io.StringIO(line_of(make_chart())), keep_seconds=0.3) == 0
    assert time.monotonic() - started >= 0.3
    plt.close("training")


# Reads when the process that sends is over already, and keeps the last line.
LATE = """
import pathlib, sys, time
time.sleep(1)
lines = sys.stdin.readlines()
pathlib.Path(sys.argv[1] + ".new").write_text(lines[-1])
pathlib.Path(sys.argv[1] + ".new").rename(sys.argv[1])
"""


@pytest.mark.slow
def test_a_script_does_not_wait_and_its_last_chart_arrives(tmp_path):
    last = tmp_path / "last"
    run_python(
        """
        import sys
        from numerai_pipeline.training import Chart, Epoch
        from numerai_pipeline.views import Window

        window = Window([sys.executable, "-c", *sys.argv[1:]])
        rows = [Epoch(1, 0.3, 0.2, 0.1, 1.0, is_best=True)]
        for title in ("first", "last"):
            window.show(Chart(title, "epoch", rows, "val_loss"))
        """,
        LATE,
        last,
    )
    for _ in range(600):
        if last.exists():
            break
        time.sleep(0.1)
    assert json.loads(last.read_text())["title"] == "last"
