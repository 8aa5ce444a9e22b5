"""The commands in docs/etl.md, run as they stand on a small market."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from numerai_pipeline.cli import main, run
from numerai_pipeline.core import write_json
from numerai_simulator import Market, preset

DOCUMENT = (Path(__file__).parents[2] / "docs" / "etl.md").read_text()
COMMANDS = sorted(set(re.findall(r"`(nai etl[^`]*)`", DOCUMENT)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    market = Market(preset("tiny"))
    market.write(folder, ("v5.3",))
    market.write_live(folder, "v5.3", market.spec.first_round)
    write_json(folder / "v5.3" / "features.json", market.catalog("v5.3"))
    return folder


@pytest.fixture
def workspace(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "numerai.toml").write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "v5.3").symlink_to(data / "v5.3")
    (tmp_path / "rounds" / "1385").mkdir(parents=True)
    (tmp_path / "rounds" / "1385" / "live.parquet").symlink_to(
        data / "v5.3" / "live.parquet"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_option_has_an_example() -> None:
    command: Any = typer.main.get_command(main.app)
    parameters = command.commands["etl"].params
    options = {parameter.opts[0] for parameter in parameters}
    options -= {"--workspace", "--quiet"}
    shown = {word for command in COMMANDS for word in command.split()}
    assert options <= shown
    assert {word for word in shown if word.startswith("--")} <= options


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_run(
    workspace: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)[1:]
    assert run(words) == 0, capsys.readouterr().err
    folder = workspace / "shards" / ("live" if "--live" in words else "main")
    if "--dir" in words:
        folder = Path(words[words.index("--dir") + 1])
    capsys.readouterr()
    assert run(["inspect", str(folder), "--verify", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verified"]
    assert sum(split["rows"] for split in found["splits"]) > 0


def test_balance_prints_the_shares(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del workspace
    assert run(["etl", "--balance"]) == 0
    printed = capsys.readouterr()
    assert "class_shares" in printed.out
    assert "share before" in printed.out


def test_the_plan_is_told_before_the_work(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del workspace
    assert run(["etl"]) == 0
    assert " on disk (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--all", "--train"], "--all pools train.parquet and validation.parquet"),
        (["--max-ram", "lots"], "'lots' is not a valid size."),
        (["--targets", "target,targte"], "Did you mean 'target'?"),
        (["--eras-subset", "some"], "'some' does not choose eras."),
        (["--split-by", "columns", "--split", "0.2"], "should be 'era' or 'rows'"),
        (["--layout", "flat"], "should be 'packed' or 'rows'"),
        (["--live", "--split", "0.2"], "live rows have no eras to choose"),
    ],
)
def test_what_cannot_be_done_is_said(
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    assert run(["etl", *words]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (workspace / "shards" / "main").exists()
