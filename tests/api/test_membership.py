"""Which backtest of a member an ensemble takes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from numerai_pipeline.api.membership import latest_of_recipe
from numerai_pipeline.core import sha256_of, write_json, write_text, write_toml
from numerai_pipeline.data import Fold, Scheme
from numerai_pipeline.evaluation import Backtest
from numerai_pipeline.models import Recipe
from numerai_pipeline.training import Run

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FOLD = Fold((1, 2), (12,), (22,), purge=8)
RECIPE = Recipe(family="own")


def write_run(folder, *, features=("feature_a",), source="first = 1\n"):
    """Write a run that is trained but for its model."""
    of_run = {"name": "own", "started": "2026-11-24T12:00:00Z"}
    config = {"run": of_run, "recipe": RECIPE.model_dump(mode="json")}
    folder.mkdir(parents=True)
    write_toml(folder / "config.toml", config)
    record = {"features": features, "target": "target", "missing": 2.0}
    write_json(folder / "features.json", record)
    if source:
        write_text(folder / "family.py", source)
    return Run.open(folder)


@pytest.fixture
def backtest(tmp_path):
    """A finished backtest of one fold, whose run has its model."""
    found = Backtest(
        folder=tmp_path / "own" / "backtests" / "20261124T120000-00000000",
        name="own",
        recipe=RECIPE,
        targets=("target",),
        scheme=Scheme(chunk=1),
        folds=(FOLD,),
        purge=8,
        shards_fingerprint="",
        data_version="v5.3",
        started=NOON,
    )
    found.write_plan(found.folder)
    write_text(found.folder / "predictions.parquet", "")
    run = write_run(found.fold_dir(1) / "runs" / "20261124T120000-00000000")
    sha256 = {}
    for file in ("config.toml", "features.json", "family.py"):
        sha256[file] = sha256_of(run.folder / file)
    write_json(run.folder / "DONE", {"sha256": sha256})
    found.mark_done()
    return found


@pytest.mark.parametrize(
    ("changed", "is_taken"),
    [
        ({}, True),
        ({"source": "second = 2\n"}, False),
        ({"source": ""}, False),
        ({"features": ("feature_a", "feature_b")}, False),
    ],
)
def test_only_one_of_the_same_features_and_source_is_taken(
    backtest, tmp_path, changed, is_taken
):
    run = write_run(tmp_path / "own" / "runs" / "20261124T120000-1", **changed)
    found = latest_of_recipe(run)
    assert found == (backtest if is_taken else None)
    other = replace(run, recipe=RECIPE.model_copy(update={"seed": 2}))
    assert latest_of_recipe(other) is None
