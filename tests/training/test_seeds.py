"""One run of several seeds: trained, resumed, refitted and predicting as one model."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from recorded_progress import Killed, RecordedProgress

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.models import check_recipe
from numerai_pipeline.training import make_plan, refit_job, train
from numerai_pipeline.training.history import read_history
from numerai_pipeline.training.trainer import begin_run, load_engine

SECOND = "target_victor_20"


def predictions(run, shards):
    codes = ShardReader(shards).read("valid").x
    return run.predictor().predict(decode_features(codes, run.missing))


def model_files(run):
    folder = run.folder / "checkpoints"
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("best.*")
    )


@pytest.fixture(scope="module")
def of_trees(make_job_once):
    """A job of three seeds, its run, and the runs of each seed alone."""
    job = make_job_once("lightgbm", seeds=3)
    alone = [
        train(replace(job, recipe=job.recipe.model_copy(update=changes)))
        for changes in ({"seed": 1 + n, "seeds": 1} for n in range(3))
    ]
    return job, train(job), alone


@pytest.mark.slow
def test_its_models_are_those_of_each_seed_alone(of_trees, shards):
    _, run, alone = of_trees
    assert model_files(run) == ["best.txt", "seed-2/best.txt", "seed-3/best.txt"]
    apart = np.column_stack([predictions(one, shards) for one in alone])
    np.testing.assert_array_equal(predictions(run, shards), apart)
    assert len({column.tobytes() for column in apart.T}) == 3
    # The run's own history is that of the first seed, apart from the time it took.
    histories = ["history.csv", "history-seed-2.csv", "history-seed-3.csv"]
    for file, one in zip(histories, alone, strict=True):
        rows = read_history(run.folder / file)
        assert [replace(row, seconds=0) for row in rows] == [
            replace(row, seconds=0) for row in one.history()
        ]
    assert run.best().epoch == alone[0].best().epoch
    assert run.seconds > run.history()[-1].seconds


@pytest.mark.slow
def test_a_refit_trains_each_seed_as_long_as_it_was_best(of_trees):
    job, run, alone = of_trees
    found = refit_job(job, run, job.reader())
    assert found.stop_at == {
        "": alone[0].best().epoch,
        "seed-2": alone[1].best().epoch,
        "seed-3": alone[2].best().epoch,
    }
    assert make_plan(found).models[1].name == "seed-2"


def test_one_seed_is_the_run_that_it_was(make_job):
    job = make_job("lightgbm")
    recipe = check_recipe(job.recipe).identity()
    assert "seeds" not in recipe
    assert make_plan(job).fingerprint != make_plan(several(job)).fingerprint
    assert [model.name for model in make_plan(job).models] == [""]


def several(job, n=2, **changes):
    return replace(job, recipe=job.recipe.model_copy(update={"seeds": n, **changes}))


def test_the_models_of_seeds_windows_and_targets_have_names(make_job):
    windows = {"window_eras": 4, "window_step": 5, "window_purge": 1}
    job = make_job("lightgbm", training=windows, parameters={"also_targets": (SECOND,)})
    plan = make_plan(several(job))
    assert [model.name for model in plan.models[:4]] == [
        "window-001",
        f"window-001-{SECOND}",
        "window-001-seed-2",
        f"window-001-{SECOND}-seed-2",
    ]
    assert len({model.name for model in plan.models}) == len(plan.models) == 8


@pytest.mark.slow
def test_a_killed_training_resumes_within_its_seed(of_trees, tmp_path):
    job, run, _ = of_trees
    job = replace(job, runs=tmp_path / "runs")
    with pytest.raises(Killed):
        train(job, progress=RecordedProgress(at_step=25, of="training lightgbm seed-2"))
    progress = RecordedProgress()
    resumed = train(job, progress=progress)
    assert [task.description for task in progress.tasks if task.unit == "trees"] == [
        "training lightgbm seed-2",
        "training lightgbm seed-3",
    ]
    for file in model_files(run):
        path = f"checkpoints/{file}"
        assert (run.folder / path).read_bytes() == (resumed.folder / path).read_bytes()


def test_trees_made_by_hand_have_one_seed(make_job):
    job = make_job("lightgbm")
    untrained = json.loads(job.untrained.read_text())
    del untrained["origin"]
    job.untrained.write_text(json.dumps(untrained))
    assert make_plan(job)
    with pytest.raises(ConfigError, match="all 2 seeds would grow the same trees"):
        make_plan(several(job))


@pytest.mark.slow
def test_a_network_starts_from_weights_of_its_seed_unless_made_by_hand(
    make_job, shards, tmp_path
):
    mean = f"mean of target, {SECOND}"
    job = several(make_job("mlp", target=mean, training={"epochs": 1}))
    run = train(job)
    files = ["untrained.keras", "seed-2-untrained.keras"]
    alone = train(several(job, 1, seed=2))
    two = predictions(run, shards)
    np.testing.assert_array_equal(two[:, 1], predictions(alone, shards))

    progress = RecordedProgress()
    by_hand = tmp_path / "by-hand.keras"
    shutil.copyfile(run.best().path, by_hand)
    plan = make_plan(replace(job, untrained=by_hand, runs=tmp_path), progress)
    folder = begin_run(plan, load_engine("keras"), "run")
    start, other = ((folder / name).read_bytes() for name in files)
    assert start == other
    note = "by-hand.keras was made by hand: all 2 seeds start from its weights"
    assert note in progress.notes
