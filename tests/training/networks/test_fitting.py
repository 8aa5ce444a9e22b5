import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import ShardReader
from numerai_pipeline.models import load_keras, load_network
from numerai_pipeline.training import latest_run, train
from numerai_pipeline.training.networks import fitting
from numerai_pipeline.training.networks.fitting import fit

SECOND = "target_victor_20"


def what_was_learned(run):
    """Return the history without its seconds, and the best weights."""
    rows = [replace(row, seconds=0.0) for row in run.history()]
    return rows, load_network(run.best().path).get_weights()


def assert_same(one, two):
    rows_of_one, weights_of_one = what_was_learned(one)
    rows_of_two, weights_of_two = what_was_learned(two)
    assert rows_of_one == rows_of_two
    for left, right in zip(weights_of_one, weights_of_two, strict=True):
        assert np.array_equal(left, right)


@pytest.fixture
def uninterrupted(trained):
    _, run = trained("mlp")
    assert len(run.history()) == 4
    return run


@pytest.fixture
def job(trained, tmp_path):
    job, _ = trained("mlp")
    return replace(job, runs=tmp_path / "runs")


@pytest.mark.slow
def test_killed_anywhere_and_resumed_it_learns_the_same(job, uninterrupted, killed_at):
    places = [
        # In the middle of the first epoch; after the line of an epoch in the history,
        # before its model is kept, on the first resumption; after the last line.
        {"at_step": 0.5},
        {"at_note": "epoch 2:"},
        {"at_note": "epoch 4:"},
    ]
    for place in places:
        progress, kill = killed_at(**place)
        with pytest.raises(kill):
            train(job, progress=progress)
        with pytest.raises(DataError, match=r"no run in .* is finished"):
            latest_run(job.runs)
    assert_same(train(job), uninterrupted)
    assert len(list(job.runs.glob("2*"))) == 1


def test_killed_between_checkpoint_and_history_it_learns_the_same(
    job, uninterrupted, killed_at
):
    progress, kill = killed_at(at_note="epoch 2:")
    with pytest.raises(kill):
        train(job, progress=progress)
    folder = next(job.runs.glob("2*"))
    # The state before the line of epoch 2: both checkpoints and one line.
    lines = (folder / "history.csv").read_text().splitlines()
    (folder / "history.csv").write_text("\n".join(lines[:2]) + "\n")
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == ["best.keras", "last-0001.keras", "last-0002.keras"]
    assert_same(train(job), uninterrupted)


def test_a_finished_run_keeps_only_the_best_checkpoint(uninterrupted):
    names = [path.name for path in (uninterrupted.folder / "checkpoints").iterdir()]
    assert names == ["best.keras"]
    assert not load_network(uninterrupted.best().path, compiled=True).compiled


ALL_THAT_IS_RANDOM = {
    "values": {
        "parameters": {"dropout": 0.5, "noise": 0.1, "also_targets": (SECOND,)},
        "training": {
            "batches": "eras",
            "loss": "corr",
            "optimizer": "lion",
            "schedule": "cosine",
            "warmup_epochs": 0.5,
        },
    },
    "classes": {
        "parameters": {"dropout": 0.5},
        "training": {"monitor": "val_corr", "era_weights": "eras"},
    },
    "members": {
        "parameters": {"noise": 0.1, "precision": "mixed_float16"},
        "training": {"schedule": "cosine", "optimizer": "sgd"},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("family", ALL_THAT_IS_RANDOM)
def test_whatever_is_random_goes_on_the_same(family, tiny, fitted, learned, killed_at):
    options = {"family": tiny[family], **ALL_THAT_IS_RANDOM[family]}
    whole = fitted(name="whole", **options)
    assert len(whole.recorder.rows) == 3
    for place in ({"at_step": 1.5}, {"at_note": "epoch 3:"}):
        progress, kill = killed_at(**place)
        with pytest.raises(kill):
            fitted(name="killed", progress=progress, **options)
    assert learned(fitted(name="killed", **options)) == learned(whole)


def test_killed_when_all_was_learned_it_is_finished(job, uninterrupted):
    run = train(job)
    (run.folder / "DONE").unlink()
    assert_same(train(job), uninterrupted)


def test_a_lost_or_broken_checkpoint_is_named_with_a_remedy_that_helps(job, killed_at):
    progress, kill = killed_at(at_note="epoch 1:")
    with pytest.raises(kill):
        train(job, progress=progress)
    run = next(job.runs.glob("2*"))
    checkpoint = run / "checkpoints/last-0001.keras"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    remedy = re.escape(f"or delete {run} and train again.")
    with pytest.raises(DataError, match=rf"is not a whole Keras model .* {remedy}"):
        train(job)
    checkpoint.unlink()
    with pytest.raises(
        DataError, match=rf"last-0001\.keras does not exist\. .* {remedy}"
    ):
        train(job)
    shutil.rmtree(run)
    assert train(job).best().epoch


def test_a_lost_loss_stops_training_and_says_where(make_job):
    lost = {"learning_rate": 1e30, "clip_norm": 1e30, "batches": "eras"}
    with pytest.raises(DataError) as caught:
        train(make_job("mlp", training=lost))
    found = re.fullmatch(
        r"the loss is (nan|inf) at epoch 1, batch \d+: rows of era (\d{4})\. "
        r"Lower learning_rate \(1e\+30\) or clip_norm \(1e\+30\) in model\.toml, then "
        r"train again\.",
        str(caught.value),
    )
    assert found
    assert 1 <= int(found[2]) <= 16


def test_the_eras_of_the_rows_that_lost_it_are_named(assigned, shards):
    # Unheard of, and so every row with a missing feature is lost.
    task = assigned(missing=np.nan, training={"batch_rows": 40})
    rows = ShardReader(shards).load("train", target=["target"])
    (first, *_) = rows.cuts(batch_rows=40, shuffle_seed=3, epoch=1)
    codes = ShardReader(shards).read("train", targets=["target"])
    has_target = ~np.isnan(codes.y[:, 0])
    is_lost = (codes.x[has_target][first] == 5).any(axis=1)
    eras = np.unique(rows.eras[first][is_lost])
    assert 1 < len(eras) < len(np.unique(rows.eras[first]))
    named = ", ".join(f"{era:04d}" for era in eras[:5])
    more = f" and {len(eras) - 5} more" if len(eras) > 5 else ""
    with pytest.raises(DataError) as caught:
        fitting.fit(task)
    assert f"at epoch 1, batch 1: rows of eras {named}{more}. " in str(caught.value)


def test_a_step_past_the_memory_is_told(make_job, tmp_path):
    keras = load_keras()
    import tensorflow as tf

    def allocate(_features):  # TensorFlow itself tries for ten seconds
        raise MemoryError

    @keras.saving.register_keras_serializable("tests")
    class PastTheMemory(keras.layers.Layer):
        def call(self, features):
            found = tf.numpy_function(allocate, [features], features.dtype)
            return tf.ensure_shape(found, features.shape)

    job = make_job("mlp")
    inputs = keras.Input(load_network(job.untrained).input_shape[1:])
    values = keras.layers.Dense(1)(PastTheMemory()(inputs))
    keras.Model(inputs, values).save(tmp_path / "mine.keras")
    with pytest.raises(ConfigError, match=r"a step of 'mlp' .* Lower batch_rows \("):
        train(replace(job, untrained=tmp_path / "mine.keras"))


def test_an_untrained_network_of_another_width_is_refused(make_job, tmp_path):
    wide = make_job("mlp", name="wide")
    load_network(wide.untrained).save(tmp_path / "mine.keras")
    job = make_job("mlp", feature_set="small")
    job = replace(job, untrained=tmp_path / "mine.keras")
    with pytest.raises(DataError) as caught:
        train(job)
    assert "untrained.keras of 'mlp' takes 8 features, but the set 'small'" in str(
        caught.value
    )


def test_a_network_made_by_hand_is_trained(make_job, tmp_path):
    from numerai_pipeline.models import load_keras

    keras = load_keras()
    inputs = keras.Input((8,))
    outputs = keras.layers.Dense(1, name="mine")(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "mine.keras")
    run = train(replace(make_job("mlp"), untrained=tmp_path / "mine.keras"))
    assert load_network(run.best().path).layers[-1].name == "mine"


def test_a_head_that_does_not_fit_what_is_learned_is_refused(assigned, tiny):
    two = assigned(tiny["values"], parameters={"also_targets": (SECOND,)})
    with pytest.raises(DataError) as caught:
        fitting.fit(assigned(tiny["values"]))
    assert str(caught.value) == (
        "untrained.keras of 'tiny' gives 2 per row, but 'values' learns 1 for 1 "
        "target. Rebuild it with `nai new --force`."
    )
    shutil.rmtree(two.folder)
    assigned(tiny["classes"])
    with pytest.raises(
        DataError, match="gives 1 x 5 per row, but 'values' learns 1 for"
    ):
        fitting.fit(assigned(tiny["values"]))


@pytest.mark.slow
def test_packed_bytes_teach_the_same(assigned):
    options = {"training": {"batches": "eras"}, "parameters": {"dropout": 0.3}}
    unpacked = assigned(name="floats", **options)
    fit(unpacked, packed=False)
    packed = assigned(name="bytes", **options)
    fit(packed, packed=True)
    for one, other in zip(unpacked.recorder.rows, packed.recorder.rows, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=1e-6)
        assert other.val_loss == pytest.approx(one.val_loss, rel=1e-6)
    # What is kept takes floats.
    kept = [load_network(part.best_path) for part in (unpacked, packed)]
    x = np.random.default_rng(1).integers(0, 5, (50, 8)).astype(np.float32)
    one, other = (network.predict(x, verbose=0) for network in kept)
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_xla_teaches_the_same(fitted):
    once = {"epochs": 1}
    plain = fitted(name="plain", training=once).recorder.rows
    compiled = fitted(name="xla", training={"xla": True, **once}).recorder.rows
    for one, other in zip(plain, compiled, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=1e-4)


def test_eras_weigh_the_same_on_request(assigned):
    # Without a step to speak of, the loss is that of the untrained network.
    still = {"learning_rate": 1e-30, "epochs": 1}
    rows = assigned().plan.reader.load("train", target=["target"])
    errors = (rows.y[:, 0] - 0.5) ** 2
    of_eras = [errors[rows.eras == era].mean() for era in np.unique(rows.eras)]
    for training, expected in (
        ({}, errors.mean()),
        ({"era_weights": "eras"}, np.mean(of_eras)),
    ):
        name = "-".join(training) or "rows"
        task = assigned(name=name, training={**still, **training})
        network = load_network(task.untrained)
        zeros = [np.zeros_like(w) for w in network.get_weights()]
        network.set_weights([*zeros[:-1], np.full_like(zeros[-1], 0.5)])
        network.save(task.untrained)
        fitting.fit(task)
        (row,) = task.recorder.rows
        assert row.loss == pytest.approx(expected, rel=1e-6)


def test_the_time_is_told(uninterrupted):
    for row in uninterrupted.history():
        assert row.rows_per_second > 0
        assert 0 < row.waiting < 1
