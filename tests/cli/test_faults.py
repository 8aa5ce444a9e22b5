"""Broken files, a full disk and kills: each ends in a sentence, and nothing is lost."""

import csv
import json
import os
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from planted_market import write_market

from numerai_pipeline.cli import run
from numerai_pipeline.core import Settings, commented_toml

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a production run, a later run, and scores of that."""
    root = tmp_path_factory.mktemp("trained")
    (root / "numerai.toml").write_text(commented_toml(Settings()))
    write_market(root / "data" / "v5.3", n_eras=80, rows_per_era=40)
    small = ("--set", "n_estimators=20", "--set", "training.evaluate_every=10")
    for words in (
        ("etl",),
        ("new", "lightgbm", *small),
        ("train", "lightgbm"),
        ("train", "lightgbm", "--seed", "2"),
        ("score", "lightgbm"),
    ):
        assert run(["-w", str(root), "-q", *words]) == 0
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "root"))


@pytest.fixture
def nai(root: Path, nai_in: Callable[[Path], Any]) -> Nai:
    return nai_in(root)


@pytest.fixture
def model(root: Path) -> Path:
    return root / "models" / "lightgbm"


def production_of(model: Path) -> Path:
    return model / "runs" / (model / "PRODUCTION").read_text().strip()


def experiment_of(model: Path) -> Path:
    [other] = set((model / "runs").glob("2*")) - {production_of(model)}
    return other


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 300 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_restart_that_cannot_begin_keeps_the_production_run(
    nai: Nai, model: Path
) -> None:
    before = nai("best", "lightgbm", "--run", "production")
    with full_disk():
        nai("train", "lightgbm", "--restart", code=3)
    assert nai("best", "lightgbm", "--run", "production") == before
    again = nai("train", "lightgbm", "--restart", "--json")[0]
    assert Path(again["run"]) == production_of(model)
    assert nai("best", "lightgbm", "--run", "production") == before


def test_a_restart_killed_between_its_renames_keeps_the_run(
    nai: Nai, model: Path
) -> None:
    folder = production_of(model)
    folder.rename(folder.with_name(f".{folder.name}.old.partial"))
    again = nai("train", "lightgbm", "--json")[0]
    assert Path(again["run"]) == folder
    assert again["is_production"]
    assert not list(folder.parent.glob("*.partial"))


def test_a_training_ends_well_where_the_production_run_is_missing(
    nai: Nai, model: Path
) -> None:
    shutil.rmtree(production_of(model))
    trained = nai("train", "lightgbm", "--seed", "2", "--json")[0]
    assert not trained["is_production"]
    assert "nai promote lightgbm" in nai(
        "best", "lightgbm", "--run", "production", code=3
    )


def _fill(path: Path, kind: str) -> None:
    outside = path.parent.parent.parent / "elsewhere" / "run"
    path.unlink()
    if kind == "link":
        path.symlink_to("absent")
    elif kind == "way out":
        shutil.copytree(next((path.parent / "runs").glob("2*")), outside)
        path.write_text(os.path.relpath(outside, path.parent / "runs"))
    else:
        path.write_bytes({"binary": b"\xff\x00", "long": b"a" * 100_000}[kind])


@pytest.mark.parametrize("kind", ["binary", "long", "link", "way out"])
def test_a_broken_production_file_is_named_and_replaced_by_a_promotion(
    nai: Nai, model: Path, kind: str
) -> None:
    newest = experiment_of(model)
    path = model / "PRODUCTION"
    _fill(path, kind)
    error = nai("best", "lightgbm", "--run", "production", code=3)
    assert str(path) in error
    assert "nai promote lightgbm" in error
    assert len(error) < 1_000
    nai("promote", "lightgbm")
    assert path.read_text().strip() == newest.name


def test_a_folder_in_place_of_the_production_file_does_not_predict(
    nai: Nai, model: Path
) -> None:
    path = model / "PRODUCTION"
    path.unlink()
    path.mkdir()
    assert str(path) in nai("best", "lightgbm", "--run", "production", code=3)
    nai("train", "lightgbm", "--seed", "3")


def test_a_promotion_says_that_the_new_score_leaks(nai: Nai) -> None:
    nai("etl", "--purge", "0")
    nai("train", "lightgbm", "--seed", "4", "--allow-leak")
    promoted = nai("promote", "lightgbm", "--json")
    assert promoted["n_eras"] > 0
    assert "Leak: the purge is 0 eras" in promoted["warning"]


def test_a_refit_takes_no_number_of_trees_from_a_changed_history(
    nai: Nai, model: Path
) -> None:
    path = production_of(model) / "history.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["val_loss"] = "0.0"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert str(path) in nai("refit", "lightgbm", code=3)


def test_a_broken_model_does_not_hide_the_others(nai: Nai, model: Path) -> None:
    for name, text in (("empty", ""), ("two words", "")):
        folder = model.parent / name
        folder.mkdir()
        (folder / "model.toml").write_text(text)
    (experiment_of(model) / "DONE").unlink()
    (experiment_of(model) / "DONE").mkdir()
    entries = {entry["name"]: entry for entry in nai("zoo", "--json")}
    assert "lacks the key 'family'" in entries["empty"]["about"]
    assert "'two words' cannot be the name" in entries["two words"]["about"]
    assert "its run is broken" in entries["lightgbm"]["about"]


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("shards/main/manifest.json", "nai etl"),
        ("data/v5.3/features.json", "nai download --features --force"),
    ],
)
def test_a_broken_file_is_made_again_by_the_command_in_the_error(
    nai: Nai, root: Path, file: str, remedy: str
) -> None:
    (root / file).write_text("{")
    error = nai("train", "lightgbm", "--seed", "3", code=3)
    assert str(root / file) in error
    assert f"`{remedy}`" in error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("eras", f'"every:{"9" * 5_000}"'),
        ("eras", f'"{"9" * 5_000}-"'),
        ("missing", "1e308"),
    ],
)
def test_numbers_that_are_too_large_are_refused(
    nai: Nai, model: Path, key: str, value: str
) -> None:
    path = model / "model.toml"
    text, n_changed = re.subn(
        rf"(?m)^{key} = \S+", f"{key} = {value}", path.read_text()
    )
    assert n_changed == 1
    path.write_text(text)
    assert "model.toml" in nai("train", "lightgbm", code=2)


@pytest.mark.parametrize("train", ['"1-40000"', "5"])
def test_an_unfinished_run_with_a_broken_fold_is_named(
    nai: Nai, model: Path, train: str
) -> None:
    folder = experiment_of(model)
    (folder / "DONE").unlink()
    config = folder / "config.toml"
    text, n_changed = re.subn(
        '(?m)^train = "1-.*"', f"train = {train}", config.read_text()
    )
    assert n_changed == 1
    config.write_text(text.replace("validation =", "validation = '' #"))
    error = nai("train", "lightgbm", "--seed", "2", code=3)
    assert str(config) in error
    assert "--restart" in error
    nai("train", "lightgbm", "--seed", "2", "--restart")


@pytest.mark.parametrize(
    ("key", "value"), [("rows", []), ("purge", "x"), ("warnings", ["?"]), ("on", "x")]
)
def test_a_changed_score_is_made_again(
    nai: Nai, model: Path, key: str, value: object
) -> None:
    path = experiment_of(model) / "scores.json"
    whole = path.read_text()
    path.write_text(json.dumps({**json.loads(whole), key: value}))
    nai("score", "lightgbm")
    assert path.read_text() == whole


def test_a_family_that_prints_does_not_break_json(nai: Nai, root: Path) -> None:
    (root / "zoo").mkdir()
    (root / "zoo" / "mine.py").write_text("print('loaded')\nFAMILY = 1")
    assert any(entry["kind"] == "broken" for entry in nai("zoo", "--json"))
