"""Folds and production runs by the commands: which eras score, which run goes live."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from planted_market import write_market

from numerai_pipeline.api import Project
from numerai_pipeline.cli import run
from numerai_pipeline.core import Settings, commented_toml
from numerai_pipeline.training import Run

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]

# 54 training eras, then validation eras; the last ten come later.
LAST_ERA, FIRST_LAST_ERA = 90, 80
SMALL = ("--set", "n_estimators=30", "--set", "training.evaluate_every=10")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace without the newest eras, and a model with one run."""
    root = tmp_path_factory.mktemp("trained")
    (root / "numerai.toml").write_text(commented_toml(Settings()))
    data = root / "data" / "v5.3"
    write_market(data, n_eras=LAST_ERA, rows_per_era=40)
    validation = data / "validation.parquet"
    rows = pd.read_parquet(validation)
    rows.to_parquet(root / "newer.parquet")
    rows[rows["era"] <= f"{FIRST_LAST_ERA:04d}"].to_parquet(validation)
    for words in (
        ("etl",),
        ("new", "lightgbm", *SMALL),
        ("train", "lightgbm"),
    ):
        assert run(["-w", str(root), "-q", *words]) == 0
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "root"))


@pytest.fixture
def nai(root: Path, nai_in: Callable[[Path], Any]) -> Nai:
    return nai_in(root)


def only_run(root: Path, name: str = "lightgbm") -> Run:
    [folder] = (root / "models" / name / "runs").glob("2*")
    return Run.open(folder)


def test_test_eras_alone_are_scored_and_a_run_survives_new_data(
    nai: Nai, root: Path
) -> None:
    first = nai("score", "lightgbm", "--json")["lightgbm"]
    fold = only_run(root).fold
    assert fold is not None
    assert fold.validation == tuple(range(55, 61))
    assert first["on"] == "test"
    assert first["rows"][0]["eras"] == list(range(69, FIRST_LAST_ERA + 1))

    (root / "newer.parquet").replace(root / "data" / "v5.3" / "validation.parquet")
    nai("etl")
    grown = nai("score", "lightgbm", "--json")["lightgbm"]
    assert grown["folder"] == first["folder"]
    assert grown["rows"][0]["eras"] == list(range(69, LAST_ERA + 1))
    n_before = FIRST_LAST_ERA - 68
    assert grown["rows"][0]["values"][:n_before] == first["rows"][0]["values"]

    on_validation = nai("score", "lightgbm", "--on", "validation", "--json")
    assert on_validation["lightgbm"]["rows"][0]["eras"] == list(range(55, 61))
    shown = nai("score", "lightgbm", "--on", "validation")
    assert "Scores per validation era" in shown
    assert "The epoch was chosen on these eras" in shown


def test_a_purge_below_the_horizon_needs_a_word_and_is_printed(
    nai: Nai, root: Path
) -> None:
    nai("etl", "--purge", "1")
    nai("new", "lightgbm", "other", *SMALL)
    nai("train", "other")
    fold = only_run(root, "other").fold
    assert fold is not None
    assert fold.purge == fold.validation[0] - fold.train[-1] - 1 == 8
    nai("train", "other", "--allow-leak")
    assert "purge is 1 eras, but the targets need 8" in nai("score", "other")


def test_models_of_other_eras_and_shards_live_side_by_side(
    nai: Nai, root: Path
) -> None:
    nai("etl", "--feature-set", "small", "--dir", str(root / "shards" / "few"))
    nai("new", "lightgbm", "quarter", *SMALL)
    nai("new", "lightgbm", "few", "--feature-set", "small", *SMALL)
    for name, old, new in (
        ("quarter", 'eras = ""', 'eras = "every:4"'),
        ("few", 'shards = ""', 'shards = "few"'),
    ):
        recipe = root / "models" / name / "model.toml"
        text = recipe.read_text()
        assert old in text
        recipe.write_text(text.replace(old, new))
    nai("train", "quarter", "few")
    fold = only_run(root, "quarter").fold
    assert fold is not None
    assert fold.train == tuple(range(4, 47, 4))
    assert len(only_run(root, "few").features) == 4
    scores = nai("score", "quarter", "few", "--json")
    assert scores["quarter"]["rows"][0]["eras"] == scores["few"]["rows"][0]["eras"]


def test_an_experiment_goes_live_by_a_promotion_alone(nai: Nai, root: Path) -> None:
    first = nai("train", "lightgbm", "--json")[0]
    assert first["is_production"]
    production = root / "models" / "lightgbm" / "PRODUCTION"
    assert production.read_text().strip() == Path(first["run"]).name

    shown = nai("train", "lightgbm", "--seed", "5", "--set", "n_estimators=10")
    [other] = {folder.name for folder in (root / "models/lightgbm/runs").glob("2*")} - {
        Path(first["run"]).name
    }
    assert f"nai promote lightgbm {other}" in shown
    assert production.read_text().strip() == Path(first["run"]).name
    assert nai("score", "lightgbm", "--run", "production", "--json")["lightgbm"][
        "folder"
    ] == str(first["run"])

    promoted = nai("promote", "lightgbm", other[-8:], "--json")
    assert production.read_text().strip() == other
    assert promoted["run"]["id"] == other
    assert promoted["before"]["id"] == Path(first["run"]).name
    assert promoted["n_eras"] == FIRST_LAST_ERA - 68
    new, old = promoted["corr"]
    assert promoted["difference"]["mean"] == pytest.approx(new - old)
    back = nai("promote", "lightgbm", Path(first["run"]).name)
    assert "predicts live data now" in back
    assert "mean CORR" in back
    assert "no finished run 'absent'" in nai("promote", "lightgbm", "absent", code=2)


def test_an_interval_is_printed_where_there_are_eras_enough(
    nai: Nai, root: Path
) -> None:
    (root / "newer.parquet").replace(root / "data" / "v5.3" / "validation.parquet")
    nai("etl", "--all", "--split", "0.62")  # 56 eras: 14 choose, 34 test
    nai("new", "lightgbm", "other", *SMALL)
    nai("train", "other")
    nai("train", "other", "--seed", "2")
    found = nai("promote", "other", "--json")["difference"]
    assert found["low"] < found["mean"] < found["high"]


def test_a_refit_learns_from_every_resolved_era(nai: Nai, root: Path) -> None:
    first = nai("train", "lightgbm", "--json")[0]
    nai("score", "lightgbm")
    again = nai("refit", "lightgbm", "--json")[0]
    assert not again["is_production"]
    assert again["best_epoch"] == first["best_epoch"]
    refitted = Run.open(Path(again["run"]))
    assert refitted.fold is not None
    # All of them: those that the ETL left out for the purge, too.
    assert refitted.fold.train == tuple(range(1, FIRST_LAST_ERA + 1))
    assert nai("score", "lightgbm", "--json")["lightgbm"]["folder"] == first["run"]
    error = nai("score", "lightgbm", "--run", again["run"][-8:], code=3)
    assert f"--run {Path(first['run']).name}" in error
    assert nai("refit", "lightgbm", "--json")[0]["run"] == again["run"]
    nai("promote", "lightgbm")
    assert (root / "models/lightgbm/PRODUCTION").read_text().strip() == Path(
        again["run"]
    ).name
    error = nai("refit", "lightgbm", code=2)
    assert f"`nai refit lightgbm {Path(first['run']).name}`" in error


def test_a_broken_run_is_trained_again_under_its_name(nai: Nai) -> None:
    first = nai("train", "lightgbm", "--json")[0]
    best = Path(first["run"]) / "checkpoints" / "best.txt"
    content = best.read_bytes()
    best.write_bytes(b"broken")
    assert "nai train --restart lightgbm" in nai("best", "lightgbm", code=3)
    again = nai("train", "lightgbm", "--restart", "--json")[0]
    assert (again["run"], best.read_bytes()) == (first["run"], content)
    assert again["is_production"]


def test_the_latest_run_of_an_older_version_stays_in_production(
    nai: Nai, root: Path
) -> None:
    first = nai("train", "lightgbm", "--json")[0]
    production = root / "models" / "lightgbm" / "PRODUCTION"
    production.unlink()  # version 0.1.0 wrote none
    nai("train", "lightgbm", "--seed", "2")
    assert production.read_text().strip() == Path(first["run"]).name


def test_the_latest_of_runs_within_a_second_is_the_one_trained_last(
    nai: Nai,
) -> None:
    nai("new", "lightgbm", "short", "--set", "n_estimators=2")
    seeds = [str(seed) for seed in range(1, 5)]
    runs = [nai("train", "short", "--seed", s, "--json")[0]["run"] for s in seeds]
    for found, seed in zip(runs, seeds, strict=True):
        nai("train", "short", "--seed", seed)
        assert nai("best", "short").split()[1].startswith(found)


@pytest.mark.parametrize("text", ["raise SystemError('ouch')", "class (", "FAMILY = 1"])
def test_a_broken_family_stops_only_its_own_models(
    nai: Nai, root: Path, text: str
) -> None:
    (root / "zoo").mkdir()
    (root / "zoo" / "mine.py").write_text(text)
    nai("train", "lightgbm")
    assert "mine.py" in nai("zoo")
    error = nai("new", "mine", code=2)
    assert "there is no family 'mine'" in error
    assert "mine.py" in error


def test_the_lockbox_opens_once_it_is_asked_for_and_that_is_recorded(
    nai: Nai, root: Path
) -> None:
    settings = root / "numerai.toml"
    text = settings.read_text().replace("lockbox_eras = 0", "lockbox_eras = 6")
    settings.write_text(text)
    nai("train", "lightgbm")
    eras = nai("score", "lightgbm", "--json")["lightgbm"]["rows"][0]["eras"]
    assert eras[-1] == FIRST_LAST_ERA - 6 - 8
    assert "--on does not go with it" in nai(
        "score", "lightgbm", "--open-lockbox", "--on", "validation", code=2
    )
    opened = nai("score", "lightgbm", "--open-lockbox", "--json")["lightgbm"]
    assert opened["on"] == "lockbox"
    assert opened["rows"][0]["eras"] == list(range(75, FIRST_LAST_ERA + 1))
    assert opened["lockbox_openings"] == 1
    nai("score", "lightgbm", "--open-lockbox")
    shown = nai("score", "lightgbm")
    assert "lockbox: opened 2 times so far, last on " in shown
    assert max(int(e) for e in eras) < 75


def test_a_backtest_is_scored_and_compared_with_another(nai: Nai, root: Path) -> None:
    assert "Run `nai backtest lightgbm`" in nai(
        "score", "lightgbm", "--on", "backtest", code=3
    )
    words = ("backtest", "lightgbm", "--chunk", "20", "--jobs", "1")
    assert "--jobs is 0" in nai("backtest", "lightgbm", "--jobs", "0", code=2)
    nai(*words)
    nai(*words, "--set", "n_estimators=10")
    first, second = sorted((root / "models" / "lightgbm" / "backtests").glob("2*"))
    words = ("score", f"lightgbm@{first.name}", "--on", "backtest")
    [record] = nai(*words, "--json").values()
    assert record["on"] == "backtest"
    assert record["folder"] == str(first)
    predictions = pd.read_parquet(first / "predictions.parquet")
    eras = sorted(set(predictions["era"].astype(int)))
    assert record["rows"][0]["eras"] == eras
    tested = [fold["test"] for fold in record["folds"]]
    assert len(tested) == predictions["fold"].nunique() == 2
    # The models are not needed any more.
    shutil.rmtree(first / "folds")
    again = nai(*words, "--force", "--json")
    assert [*again.values()] == [record]
    names = [f"lightgbm@{one.name}" for one in (first, second)]
    compared = nai("compare", *names, "--on", "backtest", "--json")
    assert [pair["first"] for pair in compared["pairs"]] == [names[0]] * 2
    assert "not distinguishable" in nai("compare", *names, "--on", "backtest")
    scored = Project(root).score(names, on="backtest")
    assert set(names) == set(scored.table.index.get_level_values("who"))
    assert set(names) == set(scored.per_era.columns.get_level_values("who"))
    assert all(name in nai("score", *names, "--on", "backtest") for name in names)
    legend = scored.figure.axes[0].get_legend().get_texts()
    assert [one.get_text().split(":")[0] for one in legend] == names
    assert "has no backtests 'x'" in nai(
        "score", "lightgbm@x", "--on", "backtest", code=2
    )
