import csv
import json
import pickle
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from child import run_python
from recorded_progress import RecordedProgress

from numerai_pipeline.core import ConfigError, DataError, locked, read_toml
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.scoring import corr_per_era
from numerai_pipeline.training import Run, latest_run, train

pytestmark = pytest.mark.slow

FAMILIES = ("mlp", "lightgbm")


def files_under(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def held_out(run, shards):
    block = ShardReader(shards).read("valid", features=run.features, targets=["target"])
    return decode_features(block.x, run.missing)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_planted_signal_is_learned_and_a_shuffled_one_is_not(
    family, make_job, trained, shuffled_shards
):
    _, run = trained(family)
    best = run.best().epoch
    assert next(row.val_corr for row in run.history() if row.epoch == best) > 0.25

    control = train(make_job(family, shards=shuffled_shards))
    assert abs(control.history()[-1].val_corr) < 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_folder_holds_what_explains_it(family, trained):
    job, run = trained(family)
    suffix = {"mlp": "keras", "lightgbm": "txt"}[family]
    of_trees = [] if family == "mlp" else ["importance.csv", "plots/importance.png"]
    assert files_under(run.folder) == sorted(
        [
            *of_trees,
            "DONE",
            f"checkpoints/best.{suffix}",
            "config.toml",
            "features.json",
            "history.csv",
            "plots/training.png",
            job.untrained.name,
        ]
    )
    assert run.folder.name.startswith("20261124T120000-")
    config = read_toml(run.folder / "config.toml")
    assert config["run"]["name"] == family
    assert config["run"]["device"]
    assert config["run"]["started"] == "2026-11-24T12:00:00Z"
    assert config["run"]["fingerprint"].startswith(run.folder.name[-8:])
    assert set(config["versions"]) >= {"python", "numpy", "numerai-pipeline"}
    assert config["recipe"]["seed"] == 1
    assert config["recipe"]["training"]["monitor"] == "val_loss"
    features = json.loads((run.folder / "features.json").read_text())
    assert features == {
        "features": list(run.features),
        "target": "target",
        "missing": 2.0,
    }
    with (run.folder / "history.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == [
        "epoch",
        "loss",
        "val_loss",
        "val_corr",
        "seconds",
        "is_best",
        "val_accuracy",
        "rows_per_second",
        "waiting",
        "penalty",
    ]
    png = (run.folder / "plots/training.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000


@pytest.mark.parametrize("family", FAMILIES)
def test_the_best_epoch_is_the_true_one_and_its_model_is_kept(family, trained, shards):
    _, run = trained(family)
    rows = run.history()
    best = min(rows, key=lambda row: row.val_loss)
    assert run.best().epoch == best.epoch
    assert run.best().value == best.val_loss

    block = ShardReader(shards).read("valid", targets=["target"])
    has_target = ~np.isnan(block.y[:, 0])
    predictions = run.predictor().predict(decode_features(block.x[has_target], 2.0))
    targets = block.y[has_target, 0]
    assert np.mean((predictions - targets) ** 2) == pytest.approx(best.val_loss, 1e-4)
    corr = corr_per_era(predictions, targets, block.eras[has_target]).summary().mean
    assert corr == pytest.approx(best.val_corr, abs=1e-4)


def test_the_best_epoch_by_corr_has_the_highest(make_job):
    run = train(make_job(training={"monitor": "val_corr"}))
    assert run.best().value == max(row.val_corr for row in run.history())


def test_patience_ends_training(make_job, shuffled_shards):
    job = make_job(
        shards=shuffled_shards,
        parameters={"n_estimators": 500},
        training={"patience": 2},
    )
    run = train(job)
    assert run.history()[-1].epoch < 500
    assert run.history()[-1].epoch == run.best().epoch + 2 * 10


def test_a_finished_run_is_returned_at_once(make_job):
    job = make_job()
    run = train(job)
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    again = train(replace(job, started=job.started + timedelta(days=1)))
    assert again == run
    assert before == {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}


def test_the_latest_run_is_the_one_that_was_asked_for_last(make_job, edited):
    job = make_job()
    first = train(job)
    changed = edited(job, seed=2)
    second = train(replace(changed, started=job.started + timedelta(hours=1)))
    assert second.folder != first.folder
    assert latest_run(job.runs).folder == second.folder
    train(replace(job, started=job.started + timedelta(hours=2)))
    assert latest_run(job.runs).folder == first.folder


@pytest.mark.parametrize("family", FAMILIES)
def test_two_trainings_of_one_recipe_predict_the_same(
    family, trained, tmp_path, shards
):
    job, one = trained(family)
    two = train(replace(job, runs=tmp_path / "again"))
    x = held_out(one, shards)
    assert np.array_equal(one.predictor().predict(x), two.predictor().predict(x))


def test_an_edited_recipe_is_followed(make_job, edited, killed_at):
    job = make_job()
    progress, _ = killed_at()
    train(job, progress=progress)
    changed = edited(job, parameters={**job.recipe.parameters, "num_leaves": 3})
    run = train(changed, progress=progress)
    assert "num_leaves=3" in run.best().path.read_text().replace(": ", "=")


IN_A_FRESH_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from recorded_progress import RecordedProgress
from numerai_pipeline.training import Run
from numerai_pipeline.training.trainer import load_engine

notes = []
progress = RecordedProgress(
    on_note=lambda text: notes.append((text, "tensorflow" in sys.modules))
)
load_engine("keras", progress)
load_engine("keras", progress)
print(notes)
print(sys.modules["keras"].backend.backend())
for folder in map(Path, sys.argv[1:]):
    predicted = Run.open(folder).predictor().predict(np.load(f"{folder}-x.npy"))
    np.save(f"{folder}-predicted.npy", predicted)
"""


def test_a_run_predicts_the_same_in_a_fresh_process_without_its_recipe(
    trained, shards, tmp_path, monkeypatch
):
    """Which reports that it loads TensorFlow, before that takes seconds."""
    runs = {tmp_path / family: trained(family)[1] for family in FAMILIES}
    for moved, run in runs.items():
        # The run alone: neither recipe nor untrained model stand beside it.
        shutil.copytree(run.folder, moved)
        np.save(f"{moved}-x.npy", held_out(run, shards))
    # What TensorFlow logs as it comes is held back, unless this asks for it.
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    done = run_python(IN_A_FRESH_PROCESS, *runs, KERAS_BACKEND="jax")
    assert done.stdout.splitlines() == [
        "[('loading TensorFlow', False)]",
        "tensorflow",  # whatever the environment names
    ]
    assert done.stderr == ""
    for moved, run in runs.items():
        here = run.predictor().predict(np.load(f"{moved}-x.npy"))
        np.testing.assert_allclose(np.load(f"{moved}-predicted.npy"), here, atol=1e-6)


def test_defect_1_the_target_is_chosen_by_name(make_job, shards):
    run = train(make_job(target="target_victor_20"))
    assert run.target == "target_victor_20"
    block = ShardReader(shards).read("valid", targets=["target", "target_victor_20"])
    predictions = run.predictor().predict(decode_features(block.x, 2.0))
    has_both = ~np.isnan(block.y).any(axis=1)
    found = np.corrcoef(predictions[has_both], block.y[has_both].T)[0, 1:]
    assert abs(found[0]) < 0.1
    assert found[1] > 0.25


def test_a_feature_set_is_followed_in_its_order(make_job):
    run = train(make_job(feature_set="small"))
    assert run.features == ("feature_f", "feature_e", "feature_d", "feature_c")


def test_a_missing_feature_has_the_value_of_the_recipe(make_job, shards):
    run = train(make_job(missing=-3.0))
    assert run.missing == -3.0
    assert json.loads((run.folder / "features.json").read_text())["missing"] == -3.0
    block = ShardReader(shards).read("valid", targets=["target"])
    has_target = ~np.isnan(block.y[:, 0])

    def loss(missing):
        features = decode_features(block.x[has_target], missing)
        predictions = run.predictor().predict(features)
        return np.mean((predictions - block.y[has_target, 0]) ** 2)

    assert loss(run.missing) == pytest.approx(run.best().value, rel=1e-5)
    assert loss(2.0) != pytest.approx(run.best().value, rel=1e-5)


def test_a_job_can_be_sent_to_another_process(make_job):
    job = make_job()
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301 - it is our own


def test_tensorboard_curves_are_written_on_request(make_job):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    def curve(run):
        events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
        return [
            (event.step, float(make_ndarray(event.tensor_proto)))
            for event in events.Tensors("trees/val_loss")
        ]

    job = make_job()
    assert not (train(job).folder / "tensorboard").exists()
    run = train(replace(job, tensorboard=True))
    expected = [(row.epoch, pytest.approx(row.val_loss)) for row in run.history()]
    assert curve(run) == expected
    assert curve(train(replace(job, tensorboard=True, runs=job.runs / "b"))) == expected


def test_shards_without_validation_eras_are_refused(make_job, market_shards):
    with pytest.raises(ConfigError) as caught:
        make_job(shards=market_shards(sources=("train",)))
    assert str(caught.value) == (
        "the shards have no validation eras to choose the best epoch by. Run "
        "`nai etl --split 0.2`."
    )


def test_shards_without_the_target_are_refused(make_job, market_shards):
    job = make_job(shards=market_shards(targets=("target",)), target="target_victor_20")
    with pytest.raises(DataError) as caught:
        train(job)
    assert str(caught.value) == (
        f"{job.shards} has no target 'target_victor_20', which model 'lightgbm' "
        "learns. Run `nai etl --targets target_victor_20`, or name one of target in "
        "model.toml."
    )


def test_shards_without_the_features_are_refused(make_job, market_shards):
    job = make_job(shards=market_shards(feature_set="small"))
    what_to_do = (
        "Run `nai etl --feature-set all`, or choose another feature_set in model.toml."
    )
    with pytest.raises(DataError) as caught:
        train(job)
    assert str(caught.value) == (
        f"{job.shards} lacks 4 of the 8 features of the set 'all', which model "
        f"'lightgbm' sees, such as feature_a. {what_to_do}"
    )
    with pytest.raises(DataError) as caught:
        train(replace(job, features=None))
    assert str(caught.value) == (
        f"{job.shards} holds the feature set 'small', but model 'lightgbm' sees 'all'. "
        f"{what_to_do}"
    )


def test_without_columns_the_job_takes_those_of_the_shards(make_job):
    job = make_job()
    assert train(replace(job, features=None)).features == job.features


def test_validation_eras_without_the_target_are_refused(make_job, market_shards):
    job = make_job(shards=market_shards(is_resolved=False), target="target_victor_20")
    with pytest.raises(DataError) as caught:
        train(job)
    assert str(caught.value) == (
        f"no row of the eras 19-30 in {job.shards} has a value of "
        "'target_victor_20'. Choose another target in model.toml."
    )


def test_an_untrained_model_of_another_width_is_refused(make_job):
    job = make_job(feature_set="small")
    untrained = json.loads(job.untrained.read_text())
    del untrained["origin"]
    job.untrained.write_text(json.dumps({**untrained, "n_features": 7}))
    with pytest.raises(DataError) as caught:
        train(job)
    assert str(caught.value) == (
        "untrained.json of 'lightgbm' takes 7 features, but the set 'small' in "
        f"{job.shards} has 4. Rebuild it with `nai new --force`, or choose another "
        "feature_set in model.toml."
    )


def test_one_run_is_trained_by_one_process_at_a_time(make_job):
    job = make_job()
    run = train(job)
    with (
        locked(job.runs / run.folder.name[-8:], doing="training 'lightgbm'"),
        pytest.raises(ConfigError, match="another process is training 'lightgbm'"),
    ):
        train(job)


def test_predictions_that_are_all_equal_have_no_best_epoch(make_job):
    job = make_job(
        parameters={"min_data_in_leaf": 100_000}, training={"monitor": "val_corr"}
    )
    with pytest.raises(DataError, match="'lightgbm' predicts the same for all rows"):
        train(job)
    assert not Run.open(next(job.runs.glob("2*"))).is_done


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "catboost"])
def test_a_missing_feature_may_be_left_to_the_trees(make_job, shards, family):
    """NaN equals nothing: not even the recipe that the run was begun with."""
    pytest.importorskip(family)
    run = train(make_job(family, missing=float("nan")))
    assert np.isnan(Run.open(run.folder).missing)
    assert np.isfinite(run.predictor().predict(held_out(run, shards))).all()


@pytest.mark.parametrize("file", ["train_0000.tfr", "valid_0000.tfr"])
def test_shards_made_anew_meanwhile_are_told_as_such(
    make_job, market_shards, shards, file
):
    """Not as broken ones, which is what the old manifest would find."""
    job = make_job("xgboost", shards=market_shards(purge=3))

    def rebuild(note):
        if note.startswith("XGBoost:"):
            (job.shards / file).write_bytes(b"new")
            manifest = job.shards / "manifest.json"
            manifest.write_bytes((shards / "manifest.json").read_bytes())

    with pytest.raises(DataError, match="was rebuilt while 'xgboost' was training"):
        train(job, progress=RecordedProgress(on_note=rebuild))
