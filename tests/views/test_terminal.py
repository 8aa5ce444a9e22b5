import io
import re

from rich.console import Console

from numerai_pipeline.views import TerminalProgress, Window


def terminal(**options):
    file = io.StringIO()
    return file, Console(file=file, width=100, **options)


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_gets_a_live_table(make_chart):
    file, console = terminal(force_terminal=True)
    progress = TerminalProgress(console)
    with progress.task("training mlp", 30, "epochs") as advance:
        for n_rows in range(1, 6):
            advance(1)
            progress.chart(make_chart(n_rows))
    shown = plain(file.getvalue())
    assert "training mlp" in shown
    assert "5 epochs" in shown
    assert "left" not in shown
    last = shown[shown.rindex("val_loss  val_corr") :]
    assert last.count("best") == 1
    assert "█" in last
    assert "epoch 5: loss" not in shown


def test_a_pipe_gets_a_line_an_epoch(make_chart):
    file, console = terminal()
    progress = TerminalProgress(console)
    chart = make_chart(5, rows_per_second=51_234.0, waiting=0.25)
    with progress.task("training mlp", 30, "epochs") as advance:
        advance(5)
        progress.chart(chart)
    assert chart.line in file.getvalue().splitlines()
    assert "\x1b" not in file.getvalue()
    assert "val_loss  val_corr" not in file.getvalue()


def test_without_a_task_a_chart_is_a_line(make_chart):
    file, console = terminal(force_terminal=True)
    TerminalProgress(console).chart(make_chart())
    assert "epoch 3: loss" in plain(file.getvalue())


def test_a_note_stands_above_the_bars(make_chart):
    file, console = terminal(force_terminal=True)
    progress = TerminalProgress(console)
    with progress.task("training mlp", 30, "epochs"):
        progress.chart(make_chart())
        progress.note("a [red]word[/red]")
    assert "a [red]word[/red]\n" in plain(file.getvalue())


def test_the_table_of_one_training_is_not_left_to_the_next(make_chart):
    file, console = terminal(force_terminal=True)
    progress = TerminalProgress(console)
    with progress.task("training mlp", 3, "epochs"):
        progress.chart(make_chart())
    before = len(file.getvalue())
    with progress.task("predicting", 3, "rows"):
        pass
    assert "val_loss" not in file.getvalue()[before:]


def test_a_broken_window_is_told_once_and_training_goes_on(make_chart):
    file, console = terminal()
    progress = TerminalProgress(console, window=Window(["/no/such/program"]))
    progress.chart(make_chart(1))
    progress.chart(make_chart(2))
    assert file.getvalue().count("the window with the curves does not work") == 1
    assert "epoch 2: loss" in file.getvalue()
