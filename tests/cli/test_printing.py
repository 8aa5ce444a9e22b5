"""Tables as terminals of several widths show them."""

import io

import pytest
from rich.console import Console

from numerai_pipeline.cli.printing import print_error
from numerai_pipeline.cli.tables import print_table

COLUMNS = ["who", "score", "eras", "mean", "std", "Sharpe", "drawdown"]
ROWS = [
    ("numerai_meta_model", "CORR in common eras", 123, 0.0123, 0.021, 0.93955, 0.1),
    ("mlp", "CORR", 1234, 0.0456, 0.034, 1.106, None),
]
NUMBERS = ["0.01230", "0.04560", "0.02100", "0.03400", "0.940", "1.106", "1,234"]


def printed(width: int) -> list[str]:
    file = io.StringIO()
    print_table("Scores", COLUMNS, ROWS, Console(file=file, width=width))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_number_is_broken(width: int) -> None:
    lines = printed(width)
    words = " ".join(lines).split()
    assert all(number in words for number in NUMBERS)
    assert max(map(len, lines)) <= width


def test_a_wide_terminal_has_a_table_and_a_narrow_one_paragraphs() -> None:
    assert any("who" in line and "drawdown" in line for line in printed(80))
    assert "  drawdown: 0.10000" in printed(50)


def test_an_error_cannot_rewrite_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_error("the member 'a\x1b[2J' is gone.\nRun it again.")
    shown = "error: the member 'a\\x1b[2J' is gone.\nRun it again.\n"
    assert capsys.readouterr().err == shown
    file = io.StringIO()
    print_table("Scores", ["who"], [("a\x1b[2J",)], Console(file=file))
    assert "a\\x1b[2J" in file.getvalue()


def test_square_brackets_in_a_name_are_shown() -> None:
    file = io.StringIO()
    print_table("Correlation", ["", "[/]"], [("[red]", 1.0)], Console(file=file))
    assert "[/]" in file.getvalue()
    assert "[red]" in file.getvalue()
