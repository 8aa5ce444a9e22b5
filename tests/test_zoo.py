"""What docs/zoo.md shows: the transforms by hand, and a family of one's own at work."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.cli import run
from numerai_pipeline.core import (
    DataSettings,
    Settings,
    TournamentSettings,
    commented_toml,
)
from numerai_pipeline.models.networks.transform import parse_transform
from numerai_simulator import running_simulator

PAGE = (Path(__file__).parents[1] / "docs" / "zoo.md").read_text(encoding="utf-8")

Nai = Callable[..., Any]


def shown(block: str) -> str:
    marked = PAGE.split(f"<!-- tested: {block} -->\n```")[1]
    return marked.split("```")[0].partition("\n")[2]


@pytest.mark.parametrize("line", shown("transforms").splitlines())
def test_a_transform_that_the_page_works_by_hand(line: str) -> None:
    text, before, after = re.split(r"\s+-> |\s+(?=\[)", line, maxsplit=2)
    row, expected = json.loads(before), json.loads(after)
    found = parse_transform(text).apply(np.array([row], np.float32))
    np.testing.assert_array_equal(np.asarray(found)[0], expected)


def test_the_page_names_every_step_and_works_it_by_hand() -> None:
    steps = re.findall(
        r"^\| `(\w+)[,`]", PAGE.split("## Transforms")[1].split("\n## ")[0], flags=re.M
    )
    assert len(steps) == 12
    by_hand = set(re.findall(r"^(\w+)\b", shown("transforms"), flags=re.M))
    # 1,050 features are too many to show.
    assert by_hand == set(steps) - {"C6"}


@pytest.fixture
def nai(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Nai:
    def call(*words: str) -> Any:
        assert run(["-w", str(tmp_path), "-q", *words]) == 0, capsys.readouterr().err
        printed = capsys.readouterr().out
        return json.loads(printed) if "--json" in words else printed

    return call


@pytest.mark.slow
def test_a_family_of_ones_own_from_the_page(
    nai: Nai, tmp_path: Path, tiny_market: Callable[[Path], Path]
) -> None:
    (tmp_path / "zoo").mkdir()
    own = tmp_path / "zoo" / "gated.py"
    own.write_text(shown("own family"))
    assert len(own.read_text().splitlines()) <= 35
    with running_simulator(tiny_market(tmp_path / "simulator")) as simulator:
        settings = Settings(
            tournament=TournamentSettings(simulated=True, url=simulator.url),
            data=DataSettings(feature_set="small", targets=("target",)),
        )
        (tmp_path / "numerai.toml").write_text(commented_toml(settings))
        nai("download")
        nai("etl")
        nai(
            *(
                "new",
                "gated",
                "my-gated",
                "--set",
                "units=8",
                "--set",
                "transform=Mask",
            ),
            *("--set", "training.epochs=3", "--set", "training.learning_rate=0.01"),
        )
        [trained] = nai("train", "my-gated", "--json")
        entries = {entry["name"]: entry for entry in nai("zoo", "--json")}
        assert entries["gated"]["kind"] == "own family"
        assert entries["mlp"]["kind"] == "family"
        assert entries["my-gated"]["about"] == "gated"
        assert entries["my-gated"]["best_value"] == trained["best_value"]
        assert entries["my-gated"]["corr"] is None
        # The tiny market has no test eras, and scores on validation eras are too high.
        scores = nai("score", "my-gated", "--json")
        assert scores["my-gated"]["on"] == "validation"
        entries = {entry["name"]: entry for entry in nai("zoo", "--json")}
        first = scores["my-gated"]["rows"][0]
        assert entries["my-gated"]["corr"] is None
        assert first["mean"] > 0

        # A run explains itself, also when its family and its recipe are gone.
        [before] = nai("predict", "my-gated", "--json")
        shutil.rmtree(tmp_path / "zoo")
        (tmp_path / "models/my-gated/model.toml").unlink()
        [after] = nai("predict", "my-gated", "--force", "--json")
        assert before["was_current"] == after["was_current"] is False
        [again] = nai("refit", "my-gated", "--json")
        assert again["best_epoch"] == trained["best_epoch"]
