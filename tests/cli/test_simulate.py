import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from numerai_pipeline.cli import run

pytestmark = pytest.mark.slow


@contextmanager
def simulating(
    folder: Path, *words: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `nai simulate` as a process; gives its URL."""
    nai = [sys.executable, "-m", "numerai_pipeline", "--quiet", "simulate"]
    command = [*nai, "--folder", str(folder), "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            line = next(line for line in lines if line.startswith("export "))
            yield line.strip().partition("=")[2], process
        finally:
            process.terminate()


def now_of(url: str, order: dict[str, str] | None = None) -> str:
    path, body = ("state", None) if order is None else ("clock", json.dumps(order))
    request = urllib.request.Request(
        f"{url}/admin/{path}",
        data=body and body.encode(),  # type: ignore[arg-type]
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["now"])


def test_a_tournament_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    home = tmp_path / "simulator"
    with simulating(home, "--size", "tiny") as (url, process):
        assert now_of(url) == "2026-11-24T12:05:00Z"
        moved = now_of(url, {"to": "next_open"})
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    with simulating(home) as (url, process):
        assert now_of(url) == moved
        process.terminate()
        assert process.wait(timeout=120) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--size", "huge"], "there is no market of size 'huge'. Take tiny, small"),
        (["--clock", "noon"], "--clock noon is neither virtual nor system nor a mom"),
        (["--train-eras", "0"], "'n_train_eras' is 0, but input should be greater"),
    ],
)
def test_what_cannot_be_simulated_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    folder = ["--folder", str(tmp_path / "simulator")]
    assert run(["simulate", *folder, "--port", "0", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_only_this_machine_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "--folder", str(tmp_path / "s"), "--size", "tiny", "--quiet"]
    words.remove("--quiet")
    assert run(["--quiet", *words, "--host", "0.0.0.0", "--port", "0"]) == 2  # noqa: S104
    assert "the simulator answers on this machine only" in capsys.readouterr().err


def test_a_damaged_folder_is_exit_3_and_names_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "simulator"
    home.mkdir()
    (home / "market.json").write_text("{")
    words = ["--quiet", "simulate", "--folder", str(home), "--port", "0"]
    assert run(words) == 3
    error = capsys.readouterr().err
    assert f"{home}/market.json is not valid JSON" in error
    assert f"Delete the folder {home}" in error


def test_the_demo_of_another_version_says_what_to_delete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "demo" / "simulator"
    home.mkdir(parents=True)
    # As the first version wrote it, without an edition.
    (home / "market.json").write_text('{"size": "tiny", "seed": 1}')
    assert run(["--quiet", "demo", "--folder", str(home.parent)]) == 2
    error = capsys.readouterr().err
    assert f"{home} was made by another version of this program" in error
    assert "for `nai demo` the folder around it" in error
