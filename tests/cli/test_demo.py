import json
from pathlib import Path

import pytest

import numerai_pipeline as nai
from numerai_pipeline.api import Project, Step
from numerai_pipeline.cli import run
from numerai_pipeline.cli.printing import print_result, print_step

pytestmark = pytest.mark.slow


def made(folder: Path) -> dict[str, int]:
    """Return when each file was written that a second run must not write again."""
    kinds = ("data", "shards", "models", "rounds")
    again = ("receipt", ".lock")
    return {
        str(path): path.stat().st_mtime_ns
        for kind in kinds
        for path in (folder / kind).rglob("*")
        if path.is_file() and not any(part in path.name for part in again)
    }


def play_quickly(folder: Path) -> None:
    """Play the demo as the command does, but let its models learn less."""
    shorter = {"epochs = 30": "epochs = 2", "n_estimators = 2000": "n_estimators = 100"}

    def show_step(step: Step) -> None:
        print_step(step)
        if step.command.startswith("nai new "):
            name = step.command.removeprefix("nai new ")
            recipe = folder / "models" / name / "model.toml"
            text = recipe.read_text()
            for long, short in shorter.items():
                text = text.replace(long, short)
            assert text != recipe.read_text()
            recipe.write_text(text)

    print_result(Project(show_step=show_step).demo(folder, size="tiny"))


def test_the_demo_plays_once_and_then_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    words = ["--quiet", "demo", "--size", "tiny", "--folder", str(folder)]
    play_quickly(folder)
    first = capsys.readouterr().out
    assert "20 of 20" in first
    assert "bash predict.sh mlp" in first
    # The next step plays in this folder, wherever it is.
    assert f"next round: bash predict.sh --demo -w {folder}\n" in first
    assert f"best epoch: bash bestepoch.sh --demo -w {folder} mlp\n" in first
    before = made(folder)

    assert run(words) == 0
    assert made(folder) == before
    assert "20 of 20" in capsys.readouterr().out

    demo = nai.demo(folder, size="tiny")
    assert made(folder) == before
    assert capsys.readouterr().out == ""
    assert [one.name for one in demo.trained] == ["mlp", "lightgbm"]
    assert set(demo.table.reset_index()["model"]) == {"mlp", "lightgbm"}
    assert "CORR" in demo._repr_html_()
    assert run([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    expected = demo.to_dict()
    for record in (printed, expected):
        # Each run of the demo has a port of its own.
        assert record["steps"][0]["result"].pop("url").startswith("http://127.0.0.1:")
    assert printed == expected

    assert run([*words, "--predict"]) == 0
    assert capsys.readouterr().out.count("accepted") == 2
    before = made(folder)

    assert run([*words, "--predict"]) == 0
    assert made(folder) == before
    assert capsys.readouterr().out.count("was submitted") == 2
