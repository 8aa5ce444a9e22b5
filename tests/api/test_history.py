"""`nai runs` over a workspace with runs, a refit, a backtest and broken folders."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from planted_market import write_market

from numerai_pipeline.api import Project
from numerai_pipeline.core import (
    ConfigError,
    Settings,
    VirtualClock,
    commented_toml,
    write_toml,
)
from numerai_pipeline.data import Fold
from numerai_pipeline.training import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("workspace")
    (root / "numerai.toml").write_text(commented_toml(Settings()))
    write_market(root / "data" / "v5.3", n_eras=80, rows_per_era=20)
    clock = VirtualClock(datetime(2026, 11, 24, 12, tzinfo=UTC))
    project = Project(root, clock=clock)
    project.etl()
    few = {"n_estimators": 20, "training": {"evaluate_every": 10}}
    project.new("lightgbm", "trees", **few)
    project.new("lightgbm", "empty", **few)
    project.train("trees")
    clock.sleep(60)
    project.train("trees", seed=7, num_leaves=3)
    project.score("trees")
    clock.sleep(60)
    project.refit("trees")
    return project


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Project:
    return Project(shutil.copytree(made.workspace.root, tmp_path / "copy"))


def folders(project: Project, name: str = "trees") -> list[Path]:
    return sorted(project.workspace.runs_dir(name).glob("2*"))


def write_backtest(project: Project) -> Path:
    """Write the plan of a backtest of two folds, which is not finished."""
    folder = project.workspace.model_dir("trees") / "backtests" / "20261124T120000-abcd"
    folder.mkdir(parents=True)
    folds = [Fold((1, 2, 3), (6,), (9, 10), 2), Fold((1, 2, 3, 4, 6), (9,), (12,), 2)]
    plan = {
        "name": "trees",
        "targets": ["target"],
        "purge": 2,
        "shards_fingerprint": "f",
        "data_version": "v5.3",
        "started": "2026-11-24T12:00:00Z",
    }
    config = {
        "backtest": plan,
        "recipe": Run.open(folders(project)[0]).recipe.model_dump(mode="json"),
        "scheme": {"name": "expanding", "chunk": 2},
        "fold": [fold.to_dict() for fold in folds],
    }
    write_toml(folder / "config.toml", config)
    return folder


def test_a_run_is_described_by_what_differs(project: Project) -> None:
    first, changed, refit = reversed(project.runs().entries)
    assert (first.changes, first.is_production, first.state) == ({}, True, "finished")
    assert changed.changes == {"seed": 7, "num_leaves": 3}
    assert (first.trained, first.validated, first.tested) == ("1-40", "49-56", "65-80")
    assert (first.kind, first.unit, first.monitor) == ("run", "tree", "val_loss")
    best = Run.open(folders(project)[0]).best()
    assert (first.best, first.best_value) == (best.epoch, best.value)
    assert (first.test_corr, first.validation_corr) == (None, None)
    assert changed.test_corr == project.score("trees")["trees"].rows[0].summary.mean
    assert (refit.kind, refit.trained, refit.validated) == ("refit", "1-80", "")
    assert refit.best_value is None
    # An edit of the recipe shows in what was trained before.
    recipe = project.workspace.recipe_path("trees")
    recipe.write_text(recipe.read_text().replace("max_depth = 5", "max_depth = 4"))
    assert project.runs().entries[-1].changes == {"max_depth": 5}


def test_a_backtest_has_the_eras_of_its_folds(project: Project) -> None:
    folder = write_backtest(project)
    [found] = project.runs("trees", where="kind = backtest").entries
    assert (found.id, found.state, found.folds) == (folder.name, "unfinished", 2)
    assert (found.trained, found.validated, found.tested) == ("1-6 (5)", "", "9-12 (3)")


def break_config(run: Path) -> None:
    (run / "DONE").unlink()
    (run / "config.toml").write_text('run = 3\nrecipe = "mine"\n')


def break_history(run: Path) -> None:
    (run / "history.csv").write_text("epoch,loss\n1,")


def put_a_file(run: Path) -> None:
    shutil.rmtree(run)
    run.write_text("no folder")


@pytest.mark.parametrize("damage", [break_config, break_history, put_a_file])
def test_a_broken_folder_does_not_hide_the_others(
    project: Project, damage: Callable[[Path], None]
) -> None:
    before = project.runs().entries
    broken = folders(project)[1]
    damage(broken)
    write_backtest(project).joinpath("config.toml").write_bytes(b"\xff")
    (project.workspace.models_dir / "two words").mkdir()
    found = project.runs().entries
    assert [one for one in found if one.state != "broken"] == [
        one for one in before if one.id != broken.name
    ]
    reasons = {one.model + one.id: one.reason for one in found if one.reason}
    assert len(reasons) == 3
    assert str(broken) in reasons[f"trees{broken.name}"]
    assert "cannot be the name of a model" in reasons["two words"]


def test_a_killed_training_is_unfinished(project: Project) -> None:
    (folders(project)[0] / "DONE").unlink()
    [found] = project.runs(where="state = unfinished").entries
    assert found.id == folders(project)[0].name
    assert found.best


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"sort": "started"}, [0, 1, 2]),
        ({"sort": "num_leaves"}, [1, 0, 2]),
        ({"sort": "-test_corr", "limit": 1}, [1]),
        ({"sort": "seed", "descending": True, "where": "kind!=refit"}, [1, 0]),
        ({"where": ["num_leaves > 3", "is_production = yes"]}, [0]),
        ({"where": "changes ~ NUM_LEAVES=3"}, [1]),
        ({"where": "best_value < 1", "sort": "id"}, [0, 1]),
        ({"where": "started > 2020-01-01", "sort": "id"}, [0, 1, 2]),
        ({"where": "started < 2020-01-01T12:00:00Z"}, []),
        ({"where": "training.evaluate_every = 11"}, []),
    ],
)
def test_entries_are_chosen_and_ordered(
    made: Project, options: dict[str, Any], ids: list[int]
) -> None:
    known = [folder.name for folder in folders(made)]
    found = [one.id for one in made.runs(**options).entries]
    assert found == [known[place] for place in ids]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sort": "corr"}, "no key 'corr'. Did you mean 'test_corr'?"),
        ({"where": "test_corr"}, "'test_corr' is not KEY OP VALUE"),
        ({"where": "num_leaves > many"}, "has no order beside 'many'"),
        ({"limit": -1}, "--limit is -1"),
    ],
)
def test_what_cannot_be_chosen_by_is_said(
    made: Project, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        made.runs(**options)


def test_nothing_trained_is_an_empty_table(made: Project) -> None:
    assert made.runs("empty").table.empty
    assert made.runs("empty").to_dict() == []
    with pytest.raises(ConfigError, match="there is no model 'absent'"):
        made.runs("absent")
