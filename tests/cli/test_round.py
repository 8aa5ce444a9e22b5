"""`nai submit` and `nai status` over a scripted tournament: no model is trained."""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from numerai_pipeline.cli import run
from numerai_pipeline.core import SystemClock
from numerai_pipeline.submission import Attempt, Ledger

pytestmark = pytest.mark.slow

IDS = [f"n{number:015x}" for number in range(4)]


@pytest.fixture
def root(tmp_path: Path, scripted_server: Any) -> Path:
    """A workspace with live data and predictions of round 1000, but no model."""
    folder = tmp_path / "workspace"
    round_folder = folder / "rounds" / "1000"
    round_folder.mkdir(parents=True)
    (folder / "numerai.toml").write_text(
        f'[tournament]\nsimulated = true\nurl = "{scripted_server.url}"\n'
        "timeout_seconds = 0.5\ndeadline_seconds = 3\n[submission]\n"
        'models = { mlp = "alpha" }\n'
    )
    frame = pd.DataFrame({"feature_a": 1}, index=pd.Index(IDS, name="id"))
    frame.to_parquet(round_folder / "live.parquet")
    write(folder, [0.1, 0.2, 0.3, 0.4])
    return folder


def write(root: Path, values: list[float]) -> None:
    path = root / "rounds" / "1000" / "predictions_mlp.csv"
    rows = [f"{i},{v}\n" for i, v in zip(IDS, values, strict=True)]
    path.write_text("".join(["id,prediction\n", *rows]))


def nai(root: Path, *words: str) -> int:
    return run(["--workspace", str(root), "--quiet", *words])


def states(root: Path) -> list[str]:
    return [row.state for row in Ledger(f"sqlite:///{root}/ledger.sqlite").rows()]


def test_force_submits_a_file_as_it_is_but_not_a_second_one(
    root: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nai(root, "submit") == 2
    assert "there is no model 'mlp'" in capsys.readouterr().err
    assert nai(root, "submit", "--force") == 0
    write(root, [0.4, 0.3, 0.2, 0.1])
    assert nai(root, "submit", "--force") == 2
    assert "Pass --replace" in capsys.readouterr().err
    assert nai(root, "submit", "--force", "--replace") == 0
    assert states(root) == ["replaced", "confirmed"]
    assert len(scripted_server.submissions) == 2


@pytest.mark.parametrize("note", ["", "[]", "{" * 9_000, "\x00"])
def test_a_broken_note_does_not_hide_a_forced_submission(
    root: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str], note: str
) -> None:
    (root / "rounds" / "1000" / "predictions_mlp.json").write_text(note)
    assert nai(root, "submit", "--force", "--json") == 0
    [receipt] = json.loads(capsys.readouterr().out)
    assert receipt["submission_id"] == scripted_server.submissions[0]["id"]


def test_a_receipt_that_cannot_be_written_does_not_hide_the_submission(
    root: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = root / "rounds" / "1000" / "receipt_mlp.json"
    receipt.mkdir()
    for _ in range(2):
        assert nai(root, "submit", "--force") == 3
        assert (
            f"submission submission-1 of 'mlp' counts, but its receipt {receipt} "
            "cannot be written: Is a directory."
        ) in capsys.readouterr().err
    receipt.rmdir()
    assert nai(root, "submit", "--force") == 0
    assert receipt.is_file()
    assert len(scripted_server.submissions) == 1


def test_one_empty_answer_makes_no_second_submission(
    root: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nai(root, "submit", "--force") == 0
    empty = {"data": {"submissions": [], "model": {"submissions": []}}}
    scripted_server.on("submissions", scripted_server.json(empty))
    capsys.readouterr()
    assert nai(root, "submit", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["was_already_submitted"]
    write(root, [0.4, 0.3, 0.2, 0.1])
    scripted_server.on("submissions", scripted_server.json(empty))
    assert nai(root, "submit", "--force") == 2
    assert states(root) == ["confirmed"]
    assert len(scripted_server.submissions) == 1


def test_an_answer_of_errors_to_a_create_that_was_executed_is_not_a_refusal(
    root: Path, scripted_server: Any
) -> None:
    def executed(request: Any, proper: Any) -> Any:
        proper()
        return scripted_server.errors("internal error")(request, proper)

    scripted_server.on("create", executed)
    assert nai(root, "submit", "--force") == 0
    assert states(root) == ["confirmed"]


def test_another_error_is_not_taken_for_a_closed_round(
    root: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "could not open connection to database"
    for command in ("submit", "status"):
        scripted_server.on("rounds", *[scripted_server.errors(text)] * 20)
        assert nai(root, command) == 5
        printed = capsys.readouterr()
        assert text in printed.err
        assert "no round is open" not in printed.out
        scripted_server._script.clear()


def test_two_models_on_one_of_numerais_are_refused(
    root: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = root / "numerai.toml"
    text = settings.read_text().replace(
        '{ mlp = "alpha" }', '{ mlp = "alpha", trees = "Alpha " }'
    )
    settings.write_text(text)
    assert nai(root, "submit") == 2
    assert capsys.readouterr().err == (
        "error: numerai.toml [submission.models]: 'mlp' and 'trees' are both submitted "
        "as 'Alpha ', where only the latest submission of a round counts. Give each "
        "model one of its own at Numerai.\n"
    )
    assert scripted_server.requests == []


def test_a_row_that_is_broken_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nai(root, "submit", "--force") == 0
    ledger = sqlite3.connect(root / "ledger.sqlite", isolation_level=None)
    for column, value in (
        ("state", "frozen"),
        ("intended_at", "yesterday"),
        ("intended_at", "2026-11-24T12:00:00"),
        ("confirmed_at", "0001-01-01T00:00:00+23:00"),
        ("n_rows", "four"),
        ("submission_id", None),
        ("uploaded", b"\xff"),
    ):
        good = ledger.execute("SELECT * FROM attempts").fetchone()
        ledger.execute(f"UPDATE attempts SET {column} = ?", (value,))  # noqa: S608
        for command in (("status",), ("submit", "--force")):
            capsys.readouterr()
            assert nai(root, *command) == 3, column
            assert "has a broken row: row 1 " in capsys.readouterr().err
        ledger.execute("DELETE FROM attempts")
        ledger.execute(f"INSERT INTO attempts VALUES ({','.join('?' * 16)})", good)  # noqa: S608
    ledger.close()
    assert nai(root, "status") == 0


# `nai status` without a network, and where nothing can be written.


@pytest.fixture
def offline(root: Path) -> Path:
    """The workspace with a confirmed submission, and a tournament that is away."""
    ledger = Ledger(f"sqlite:///{root}/ledger.sqlite")
    attempt = Attempt("127.0.0.1", 1000, "mlp", "alpha", "a" * 64, 4)
    row = ledger.intend(attempt, "id-alpha", SystemClock().now())
    ledger.mark_uploaded(row.id, "p-1", SystemClock().now())
    ledger.mark_confirmed(row.id, "submission-7", SystemClock().now())
    settings = root / "numerai.toml"
    settings.write_text(
        settings.read_text()
        .replace("timeout_seconds = 0.5", "timeout_seconds = 60")
        .replace("deadline_seconds = 3", "deadline_seconds = 600")
    )
    return root


@pytest.mark.parametrize(
    ("fault", "proof"), [("hang", "Tried once: ReadTimeout"), ("away", "4 s left")]
)
def test_the_ledger_is_shown_soon_where_the_tournament_does_not_answer(
    offline: Path,
    scripted_server: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    fault: str,
    proof: str,
) -> None:
    if fault == "hang":
        scripted_server.on("rounds", *[scripted_server.hang()] * 9)
    else:
        scripted_server.close()
    assert nai(offline, "status") == 5
    printed = capsys.readouterr()
    # Of the ten minutes, and one per request, that the settings allow.
    assert proof in printed.err + caplog.text
    assert "submission-7" in printed.out
    assert "no round is open" not in printed.out
    assert printed.err.splitlines()[-1].startswith("error: ")


def test_a_status_without_a_ledger_makes_none(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nai(root, "status") == 0
    assert "round 1000 is open" in capsys.readouterr().out
    assert not (root / "ledger.sqlite").exists()
    (root / "ledger.sqlite").touch()
    assert nai(root, "status") == 0
    assert (root / "ledger.sqlite").stat().st_size == 0


def test_the_json_of_a_status_names_the_problem(
    offline: Path, scripted_server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted_server.on("scores", scripted_server.errors("no scores today"))
    assert nai(offline, "status", "--json") == 4
    found = json.loads(capsys.readouterr().out)
    assert found["round"]["number"] == 1000
    assert found["ledger"][0]["state"] == "confirmed"
    assert "no scores today" in found["problem"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_status_works_where_nothing_can_be_written(offline: Path) -> None:
    # Root may write everywhere, so that it becomes nobody; what that user cannot read,
    # such as Python itself, is loaded by a first status.
    code = (
        "import os, sys\n"
        "from numerai_pipeline.cli import run\n"
        "words = ['-w', sys.argv[1], '-q', 'status']\n"
        "assert run(words) == 0\n"
        "os.getuid() or os.setuid(65534)\n"
        "assert not os.access(sys.argv[1], os.W_OK)\n"
        "sys.exit(run(words))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        shutil.copytree(offline, root)
        for path in (Path(folder), root):
            path.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", code, str(root)], capture_output=True, text=True
        )
        for path in (root, Path(folder)):
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("submission-7") == 2
