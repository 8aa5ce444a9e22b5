import json
import subprocess
import sys
from pathlib import Path

import pytest

from numerai_pipeline.cli import main, run
from numerai_pipeline.core import (
    ConfigError,
    DataError,
    PipelineError,
    TournamentBusy,
    TournamentRefused,
)

HEAVY = [
    "tensorflow",
    "keras",
    "lightgbm",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, numerai_pipeline.cli as cli; cli.run(['--help']); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("fix it"), 2),
        (DataError("make it again"), 3),
        (TournamentRefused("closed"), 4),
        (TournamentBusy("later"), 5),
        (PermissionError(13, "Permission denied", "/x"), 3),
        (RuntimeError("unforeseen"), 70),
        (SystemExit(130), 130),
    ],
)
def test_an_exception_becomes_a_sentence_and_a_code(
    error: BaseException,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_words: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    assert run(["status"]) == code
    printed = capsys.readouterr().err
    assert "error: " in printed
    assert ("Traceback" in printed) == (code == 70)
    if isinstance(error, PipelineError):
        assert printed == f"error: {error}\n"


def test_usage_errors_are_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dwonload"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_no_workspace_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-w", str(tmp_path), "download"]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 'numerai.toml'} does not exist. Run `nai init` in "
        "that folder, or pass --workspace DIR.\n"
    )


def test_init_writes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-w", str(tmp_path), "init"]) == 0
    assert (tmp_path / "numerai.toml").is_file()
    assert run(["-w", str(tmp_path), "init"]) == 2
    assert "exists. Edit it, or pass --force" in capsys.readouterr().err
    assert run(["-w", str(tmp_path), "init", "--force"]) == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("numerai-pipeline ")


def test_zoo_needs_no_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-w", str(tmp_path), "zoo", "--json"]) == 0
    names = {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    assert {"mlp", "lightgbm"} <= names


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["etl", "--split", "2"], "nai etl: 'split' is 2.0, but input should be less"),
        (["etl", "--purge", "-1"], "nai etl: 'purge' is -1, but input should be"),
        (["new", "mlp", "--set", "units"], "--set 'units' is not KEY=VALUE."),
        (["submit"], "[submission] models is empty. Write models = {"),
        (["submit", "cnn"], "does not say which Numerai model 'cnn' is."),
        (["best", "cnn"], "there is no model 'cnn' in"),
        (["train", "cnn"], "Run `nai new FAMILY cnn` first."),
        (["new", "mlp"], "features.json does not exist. Run `nai download --features`"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    (tmp_path / "numerai.toml").write_text("")
    assert run(["-w", str(tmp_path), *words]) in (2, 3)
    assert sentence in capsys.readouterr().err


def test_a_closed_stdout_is_no_bug() -> None:
    command = f"{sys.executable} -m numerai_pipeline zoo >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)  # noqa: S602
    assert (done.returncode, done.stderr) == (0, "")
