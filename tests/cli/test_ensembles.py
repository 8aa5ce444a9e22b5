"""An ensemble goes the way of every model: made, backtested, scored, submitted."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from numerai_pipeline.api import Project
from numerai_pipeline.training import production_path

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]
CUT = ("--chunk", "24", "--jobs", "1")


@pytest.fixture(scope="module")
def both(project: Project) -> Iterator[str]:
    """Name of an ensemble of two quick models, which numerai.toml submits."""
    settings = project.workspace.settings_path
    before = settings.read_text()
    names = ("left", "right")
    settings.write_text(before.replace("broken = ", "both = "))
    for seed, name in enumerate(names):
        project.new("lightgbm", name, n_estimators=4, num_leaves=4 + seed)
    project.train(names)
    yield "both"
    settings.write_text(before)
    for name in (*names, "both"):
        shutil.rmtree(project.workspace.model_dir(name), ignore_errors=True)


def test_it_is_made_of_models_that_were_backtested(
    nai: Nai, both: str, project: Project
) -> None:
    out, error = nai("ensemble", both, "left", "right", code=3)
    assert not out
    assert "Run `nai backtest left right`, which makes many." in error
    assert not project.workspace.model_dir(both).exists()
    nai("backtest", "left", "right", *CUT)
    made = nai("ensemble", both, "left", "right", "--json")
    assert made["live_weights"]["equal"] == {"left": 0.5, "right": 0.5}
    assert (made["on"], made["advice"]) == ("backtest", "equal")
    metrics = {(row["weights"], row["metric"]) for row in made["weightings"]}
    assert {("equal", "CORR"), ("shrunk", "CORR"), ("fitted", "CORR")} <= metrics
    assert {row["member"] for row in made["contributions"]} == {"left", "right"}
    assert "too few earlier eras to learn weights from" in made["notes"][0]
    known = project.ensemble(both, ["left", "right"])
    assert known.figure.axes
    assert not known.without_backtest
    on_test = replace(known.joined, on="test")
    lacking = replace(known, joined=on_test, without_backtest=("left",))
    assert "`nai backtest both` makes what is missing" in lacking.notes[0]
    printed = nai("ensemble", both, "left", "right")
    assert "What each member adds" in printed
    assert "next: nai score both or nai predict both" in printed
    [again] = nai("train", both, "--json")
    assert again["run"] == made["run"]
    assert again["best_epoch"] is None
    assert "best_epoch" not in nai("inspect", made["run"], "--json")
    assert "both: equal weights" in nai("train", both)
    assert again["is_production"]


def test_it_is_backtested_scored_compared_and_reported(
    nai: Nai, both: str, project: Project
) -> None:
    [tested] = nai("backtest", both, *CUT, "--json")
    assert [fold["best_epoch"] for fold in tested["folds"]] == [None, None]
    scores = nai("score", both, "left", "--on", "backtest", "--json")
    assert scores[both]["n_eras"] == scores["left"]["n_eras"] > 40
    compared = nai("compare", both, "left", "--on", "backtest", "--json")
    assert compared["names"][:2] == [both, "left"]
    entries = {(one["kind"], one["state"]) for one in nai("runs", both, "--json")}
    assert entries == {("run", "finished"), ("backtest", "finished")}
    for words in ((both, "left", "--on", "backtest"), (both,)):
        page = project.workspace.root / "ensemble.html"
        nai("report", *words, "-o", str(page))
        text = page.read_text(encoding="utf-8")
        assert "eights of the members: equal" in text
        assert "nai leak-check left right" in text
    entry = next(one for one in nai("zoo", "--json") if one["name"] == both)
    assert entry["about"] == "ensemble of left, right"
    assert nai("best", both).startswith("2 ")


def test_its_members_stay_until_another_run_of_it_is_promoted(
    nai: Nai, both: str, project: Project
) -> None:
    file = production_path(project.workspace.runs_dir("left"))
    first = file.read_text()
    [second] = nai("train", "left", "--seed", "5", "--json")
    file.write_text(Path(second["run"]).name)
    [predicted] = nai("predict", both, "--json")
    assert "other runs of left are in production now" in predicted["note"]
    nai("train", both)
    promoted = nai("promote", both, "--json")
    assert promoted["before"]["id"] == predicted["run"]["id"]
    assert promoted["run"]["weights"] == {"left": 0.5, "right": 0.5}
    nai("predict", both)
    [receipt] = nai("submit", both, "--json")
    assert receipt["run"]["id"] == promoted["run"]["id"]
    file.write_text(first)


def test_a_member_that_is_missing_is_named_or_left_out(
    nai: Nai, both: str, project: Project
) -> None:
    left = project.workspace.model_dir("left")
    moved = left.with_name("moved")
    nai("train", both, "--set", "missing_member=drop")
    nai("promote", both)
    left.rename(moved)
    try:
        [predicted] = nai("predict", both, "--json")
        reason = predicted["left_out"][0]
        assert reason.startswith("without the member 'left', of weight 0.500: its run")
        assert "cannot predict" not in reason
        assert "both: predicts without the member 'left'" in nai("predict", both)
        alone = project.predict(["right", both]).predictions
        pd.testing.assert_series_equal(
            alone["right"].rank(), alone[both].rank(), check_names=False
        )
        assert "there is no model 'left'" in nai("train", both, code=2)[1]
        assert "without its member 'left'" in nai("promote", both, code=3)[1]
        assert "cannot predict without" in nai("score", both, "--force", code=3)[1]
    finally:
        moved.rename(left)
    [predicted] = nai("predict", both, "--json")
    assert not predicted["left_out"]
    assert not predicted["was_current"]


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("new", "ensemble"), 2, "Run `nai ensemble NAME MODEL MODEL`."),
        (("ensemble", "one", "left"), 2, "needs two members or more, but has left"),
        (("ensemble", "left", "left", "right"), 2, "left/model.toml exists"),
        (("ensemble", "left", "left", "right", "--force"), 2, "a member of itself"),
        (
            ("ensemble", "one", "left", "left@production"),
            2,
            "of 'one' are the same run, 2",
        ),
        (("ensemble", "one", "left", "right@"), 2, "names no run. Write 'right'."),
        (("ensemble", "more", "both", "left"), 2, "members instead: left right"),
        (("ensemble", "more", "left", "nobody"), 2, "there is no model 'nobody'"),
        (("ensemble", "more", "left@77", "right"), 2, "no finished run '77'"),
        (("ensemble", "both", "right", "left"), 2, "Run `nai train both` to make it"),
        (("refit", "both"), 2, "Refit its members (left right)"),
        (("leak-check", "both"), 2, "`nai leak-check left right`"),
        (("train", "both", "--epochs", "3"), 2, "it has no epochs"),
        (("backtest", "both", "--seed", "3"), 2, "it has no seed"),
        (("tensorboard", "both"), 3, "of an ensemble show the members"),
    ],
)
def test_what_an_ensemble_cannot_do_is_refused_with_a_remedy(
    nai: Nai, words: tuple[str, ...], code: int, problem: str
) -> None:
    assert problem in nai(*words, code=code)[1]


def test_a_run_can_be_named(nai: Nai, both: str, project: Project) -> None:
    runs = project.workspace.runs_dir("left")
    oldest = min(folder.name for folder in runs.glob("2*"))
    made = nai("ensemble", both, f"left@{oldest[-8:]}", "right", "--force", "--json")
    assert made["members"][0]["run"] == oldest
    recipe = project.workspace.recipe_path(both).read_text()
    assert f"left@{oldest}" in recipe


@pytest.mark.usefixtures("both")
def test_an_ensemble_that_cannot_be_scored_leaves_nothing(
    nai: Nai, project: Project
) -> None:
    meta = project.data_dir / "meta_model.parquet"
    whole = meta.read_bytes()
    meta.write_bytes(whole[:1_000])
    try:
        error = nai("ensemble", "one", "left", "right", "--weights", "fitted", code=3)[
            1
        ]
    finally:
        meta.write_bytes(whole)
    assert "meta_model.parquet is not a whole Parquet file" in error
    assert not project.workspace.model_dir("one").exists()
