"""A change of ``[prediction]`` alone makes another run of the same trained models."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from recorded_progress import RecordedProgress

from numerai_pipeline.core import ConfigError, DataError, digest_of, read_toml
from numerai_pipeline.training import Run, make_plan, train
from numerai_pipeline.training.taking_over import find_trained

HALF = {"neutralize": {"features": "all", "proportion": 0.5}}


@pytest.fixture
def job(trained, tmp_path):
    """A model's job, with its finished run, for this test only."""
    job, run = trained("lightgbm")
    shutil.copytree(run.folder.parents[1], tmp_path / "model")
    return replace(
        job,
        runs=tmp_path / "model" / "runs",
        untrained=tmp_path / "model" / job.untrained.name,
        neutral_features=job.features,
    )


@pytest.fixture
def half(job, edited):
    """The same model, with half of its features taken out of the predictions."""
    return edited(job, prediction=HALF)


def trained_files(run):
    known = json.loads((run.folder / "DONE").read_text())["sha256"]
    return {k: v for k, v in known.items() if k not in ("config.toml", "features.json")}


def test_the_trained_models_are_taken_over(job, half):
    before = train(job)
    (before.folder / "scores.json").write_text("{}")
    progress = RecordedProgress()
    run = train(half, progress=progress)
    assert not progress.tasks
    assert "not trained again, since the run" in progress.notes[0]
    assert run.folder != before.folder
    assert run.best().path.samefile(before.best().path)
    assert trained_files(run) == trained_files(before)
    assert run.history() == before.history()
    assert (run.folder / "plots" / "training.png").is_file()
    assert not (run.folder / "scores.json").exists()
    assert run.recipe.prediction.neutralize.proportion == 0.5
    assert run.neutral_features == job.features
    config = read_toml(run.folder / "config.toml")["run"]
    assert config["taken_from"] == before.folder.name
    # It is found again, and the way back leads to the first run.
    assert train(half).folder == run.folder
    assert train(job).folder == before.folder


def test_a_kill_leaves_a_whole_run_or_none(job, half, killed_at):
    progress, killed = killed_at(at_note="lightgbm: not trained again")
    with pytest.raises(killed):
        train(half, progress=progress)
    # What an earlier kill left half-written is swept away.
    found = train(half)
    leftover = found.folder.with_name(f".{found.folder.name}.0a1b2c3d.partial")
    shutil.copytree(found.folder, leftover)
    assert train(half).folder == found.folder
    assert not leftover.exists()
    assert trained_files(found) == trained_files(train(job))


def test_a_run_that_was_taken_over_can_be_taken_over(job, half, edited):
    first = train(job)
    second = train(half)
    shutil.rmtree(first.folder)
    third = train(edited(job, prediction={}))
    assert third.recipe == first.recipe
    assert trained_files(third) == trained_files(second)
    config = read_toml(third.folder / "config.toml")["run"]
    assert config["fingerprint"] == first.folder.name[-8:] + config["fingerprint"][8:]
    assert "trained_fingerprint" not in config


def test_other_folders_are_searched_and_broken_runs_are_not_taken(job, half, tmp_path):
    elsewhere = replace(half, runs=tmp_path / "fold" / "runs", also_from=(job.runs,))
    assert find_trained(make_plan(elsewhere)).folder == train(job).folder
    assert find_trained(make_plan(replace(elsewhere, also_from=()))) is None
    train(job).best().path.write_text("cut")
    assert find_trained(make_plan(elsewhere)) is None


def test_without_prediction_a_run_has_the_fingerprint_that_it_always_had(job):
    plan, run = make_plan(job), train(job)
    recipe = plan.checked.complete().model_dump(mode="json")
    assert recipe.pop("seeds") == 1
    assert "prediction" not in recipe
    assert plan.fingerprint == plan.trained_fingerprint
    assert plan.fingerprint == digest_of(
        {
            "recipe": recipe,
            "fold": job.fold.to_dict(),
            "stop_at": {},
            "features": plan.features,
            "shards": plan.reader.manifest.fingerprint,
            "untrained": "",
            "source": "",
        }
    )
    config = read_toml(run.folder / "config.toml")
    assert config["run"]["fingerprint"] == plan.fingerprint
    assert "prediction" not in config["recipe"]
    features = json.loads((run.folder / "features.json").read_text())
    assert set(features) == {"features", "target", "missing"}
    assert Run.open(run.folder).neutral_features == ()


def test_the_features_of_a_set_are_part_of_the_fingerprint(half):
    other = replace(half, neutral_features=half.neutral_features[:-1])
    one, two = make_plan(half), make_plan(other)
    assert one.fingerprint != two.fingerprint
    assert one.trained_fingerprint == two.trained_fingerprint


def test_what_the_shards_lack_is_refused_before_the_training(half, edited, tmp_path):
    lacking = replace(half, neutral_features=("feature_none",))
    with pytest.raises(DataError, match=r"has 0 of the 1 features of all.*none is mis"):
        make_plan(lacking)
    with pytest.raises(DataError, match="has 0 of the 0 features"):
        make_plan(replace(half, neutral_features=()))
    step = {"neutralize": {"benchmarks": "v53_lgbm_ender2", "proportion": 0.5}}
    benchmark = edited(half, prediction=step)
    with pytest.raises(DataError, match="no file of benchmark predictions is there"):
        make_plan(benchmark)
    path = tmp_path / "train_benchmark_models.parquet"
    pd.DataFrame({"id": ["n1"], "v53_lgbm_ender20": [0.5]}).to_parquet(path)
    with pytest.raises(ConfigError, match=r"\[prediction\].*mean 'v53_lgbm_ender20'"):
        make_plan(replace(benchmark, benchmarks=(path,)))
