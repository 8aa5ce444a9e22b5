import json
from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.training import train
from numerai_pipeline.training.trees.backend import seed_at
from numerai_pipeline.training.trees.lightgbm.booster import LightgbmBackend

pytestmark = pytest.mark.slow


def test_fed_from_shards_it_is_lightgbm_fed_from_an_array(make_job, shards):
    import lightgbm

    job = make_job(parameters={"n_estimators": 30})
    run = train(job)
    reader = ShardReader(shards)
    train_rows, valid_rows = (
        reader.read(split, targets=["target"]) for split in ("train", "valid")
    )
    has_target = ~np.isnan(train_rows.y[:, 0])
    parameters = json.loads(job.untrained.read_text())["booster"]
    data = lightgbm.Dataset(
        decode_features(train_rows.x[has_target], 2.0).astype(np.float64),
        label=train_rows.y[has_target, 0],
        params=parameters,
    )
    n_trees = run.best().epoch
    seeds = [
        seed_at(parameters["seed"], evaluation) for evaluation in range(0, n_trees, 10)
    ]
    booster = lightgbm.train(
        parameters,
        data,
        num_boost_round=n_trees,
        # As the engine does it after every evaluation.
        callbacks=[
            lightgbm.reset_parameter(
                feature_fraction_seed=np.repeat(seeds, 10).tolist()
            )
        ],
    )
    features = decode_features(valid_rows.x, 2.0)
    np.testing.assert_allclose(
        run.predictor().predict(features), booster.predict(features), rtol=1e-6
    )


def test_defect_4_rows_without_the_target_are_dropped(make_job, shards):
    run = train(make_job(parameters={"n_estimators": 10}))
    model = run.best().path.read_text()
    counts = model[model.index("internal_count=") :].split("\n")[0]
    root = int(counts.removeprefix("internal_count=").split()[0])
    targets = ShardReader(shards).read("train", targets=["target"]).y[:, 0]
    assert root == np.count_nonzero(~np.isnan(targets)) < len(targets)


def test_a_killed_training_goes_on_and_learns_the_same(make_job, tmp_path, killed_at):
    job = make_job()
    progress, kill = killed_at(at_note="tree 30:")
    with pytest.raises(kill):
        train(job, progress=progress)
    run = train(job)
    assert len(list(job.runs.glob("2*"))) == 1
    whole = train(replace(job, runs=tmp_path / "whole"))
    assert [replace(row, seconds=0.0) for row in run.history()] == [
        replace(row, seconds=0.0) for row in whole.history()
    ]
    assert run.best().path.read_text() == whole.best().path.read_text()


def test_lightgbm_prints_nothing(make_job, capfd):
    train(make_job(parameters={"n_estimators": 10, "min_data_in_leaf": 100_000}))
    assert capfd.readouterr() == ("", "")


def history_of(run):
    return [replace(row, seconds=0.0) for row in run.history()]


@pytest.mark.parametrize(
    ("parameters", "training"),
    [
        ({}, {}),
        ({"colsample_bytree": 1.0}, {}),
        ({"extra": {"extra_trees": True, "feature_fraction_bynode": 0.5}}, {}),
        ({"objective": "classification"}, {}),
        ({}, {"era_boost_share": 0.5}),
        ({}, {"era_weights": "eras", "era_boost_share": 0.3}),
    ],
)
def test_a_kill_at_any_look_changes_nothing(
    make_job, tmp_path, killed_at, parameters, training
):
    job = make_job(parameters=parameters, training=training)
    for evaluation in (10, 40):
        progress, kill = killed_at(at_note=f"tree {evaluation}:")
        with pytest.raises(kill):
            train(job, progress=progress)
    resumed = train(job)
    whole = train(replace(job, runs=tmp_path / "whole"))
    assert history_of(resumed) == history_of(whole)
    assert resumed.best().path.read_text() == whole.best().path.read_text()


def test_bagging_goes_on_from_the_last_checkpoint_and_says_so(
    make_job, tmp_path, killed_at
):
    job = make_job(parameters={"extra": {"bagging_fraction": 0.5, "bagging_freq": 2}})
    progress, kill = killed_at(at_note="tree 20:")
    with pytest.raises(kill):
        train(job, progress=progress)
    progress, _ = killed_at()
    resumed = train(job, progress=progress)
    assert any("trees after 20 differ from" in note for note in progress.notes)
    whole = train(replace(job, runs=tmp_path / "whole"))
    assert history_of(resumed)[:2] == history_of(whole)[:2]
    assert max(row.val_corr for row in resumed.history()) > 0.3
    assert "[bagging_fraction: 0.5]" in resumed.best().path.read_text()


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"bagging_fractoin": 0.5}, "Unknown parameter: bagging_fractoin"),
        ({"eta": 0.5}, "eta=0.5 will be ignored"),
        ({"bagging_fraction": 7}, r"Check failed: \(bagging_fraction\) <= \(1.0\)\)"),
        ({"bagging_fraction": "half"}, "Unknown token half"),
        ({"boost": "dart"}, "boosting = dart: checkpoints need"),
        ({"num_round": 9}, "num_iterations = 9: set 'n_estimators'"),
    ],
)
def test_what_lightgbm_does_not_take_is_refused(make_job, capfd, extra, reason):
    with pytest.raises(ConfigError, match=rf"LightGBM refuses the param.*{reason}"):
        train(make_job(parameters={"extra": extra}))
    assert capfd.readouterr() == ("", "")


def test_classification_predicts_the_mean_of_the_classes(make_job, shards):
    run = train(make_job(parameters={"objective": "classification"}))
    rows = ShardReader(shards).read("valid", targets=["target"])
    predictions = run.predictor().predict(decode_features(rows.x, 2.0))
    assert ((predictions > 0) & (predictions < 1)).all()
    assert max(row.val_corr for row in run.history()) > 0.2
    has_target = ~np.isnan(rows.y[:, 0])
    correlation = np.corrcoef(predictions[has_target], rows.y[has_target, 0])[0, 1]
    assert correlation > 0.3


def test_constraints_are_named_by_feature(make_job, edited):
    job = make_job(parameters={"n_estimators": 20})
    constrained = edited(
        job,
        parameters={
            **job.recipe.parameters,
            "monotone": {"feature_a": -1},
            "interaction": [["feature_a", "feature_b"]],
        },
    )
    model = train(constrained).best().path.read_text()
    assert "[monotone_constraints: -1,0,0,0,0,0,0,0]" in model
    assert "[interaction_constraints: [0,1]]" in model
    wrong = edited(job, parameters={**job.recipe.parameters, "monotone": {"beta": 1}})
    with pytest.raises(ConfigError, match="names the feature 'beta', which is not in"):
        train(wrong)


def test_era_options_change_what_is_learned(make_job, edited):
    job = make_job()
    plain = train(job)
    boosted = train(
        edited(job, training={**job.recipe.training, "era_boost_share": 0.3})
    )
    (first, second), (same, other) = plain.history()[:2], boosted.history()[:2]
    assert (
        first.loss == same.loss
    )  # before the first evaluation there are no worst eras
    assert second.loss != other.loss


def test_importance_is_told_by_feature(make_job):
    run = train(make_job())
    table = (run.folder / "importance.csv").read_text().splitlines()
    assert table[0] == "feature,gain,split"
    # The target follows the first three features.
    assert {line.split(",")[0][-1] for line in table[1:4]} == {"a", "b", "c"}
    assert (run.folder / "plots/importance.png").read_bytes().startswith(b"\x89PNG")


def test_too_little_memory_is_said_before_the_work(make_job):
    job = replace(make_job(), max_ram_bytes=10**7)
    with pytest.raises(ConfigError, match=r"LightGBM would need about \d+ MB of"):
        train(job)


def test_a_missing_gpu_is_said_with_what_to_do(make_job, capfd):
    pytest.importorskip("lightgbm")
    if LightgbmBackend().device("auto") == "cuda":
        pytest.skip("this machine has one")
    job = make_job(training={"device": "cuda"})
    with pytest.raises(
        ConfigError, match=r'cannot train on a GPU .* or set device = "cpu'
    ):
        train(job)
    assert capfd.readouterr().err == ""  # LightGBM prints what it raises


@pytest.mark.parametrize("file", ["trees-000010.txt", "state-000010.npz"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_broken_checkpoint_is_named(make_job, killed_at, file, damage):
    job = make_job()
    progress, kill = killed_at(at_note="tree 10:")
    with pytest.raises(kill):
        train(job, progress=progress)
    (path,) = job.runs.glob(f"2*/checkpoints/{file}")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.unlink()
    with pytest.raises(DataError, match=rf"{file} .*or delete {path.parents[1]} and"):
        train(job)


def test_further_targets_have_models_of_their_own(
    make_job, edited, tmp_path, killed_at, shards
):
    job = make_job()
    several = edited(
        job,
        parameters={**job.recipe.parameters, "also_targets": ["target_victor_20"]},
    )
    progress, kill = killed_at(at_step=70)  # within the second model
    with pytest.raises(kill):
        train(several, progress=progress)
    run = train(several)
    whole = train(replace(several, runs=tmp_path / "whole"))
    name = "checkpoints/target_victor_20/best.txt"
    for file in ("checkpoints/best.txt", name):
        assert (run.folder / file).read_text() == (whole.folder / file).read_text()
    alone = train(edited(job, target="target_victor_20"))
    rows = ShardReader(shards).read("valid", targets=())
    features = decode_features(rows.x, 2.0)
    both = run.predictor().predict(features)
    assert both.shape == (len(rows), 2)
    np.testing.assert_array_equal(both[:, 1], alone.predictor().predict(features))
    (run.folder / name).write_text("tree")
    with pytest.raises(
        DataError, match=r"target_victor_20/best\.txt of a run is broken"
    ):
        run.predictor()


def test_a_further_target_must_be_in_the_shards(make_job, edited):
    job = make_job()
    wrong = edited(job, parameters={"also_targets": ["target_xerxes_20"]})
    with pytest.raises(DataError, match="--targets target,target_xerxes_20`"):
        train(wrong)
