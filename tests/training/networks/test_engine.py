import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.models import load_network
from numerai_pipeline.training import latest_run, train


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


KILL = """
import os, pickle, signal, sys
from contextlib import contextmanager
from numerai_pipeline.training import train

class Progress:
    @contextmanager
    def task(self, description, total, unit):
        yield lambda amount: None
    def note(self, text):
        pass
    def chart(self, chart):
        if len(chart.rows) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

with open(sys.argv[1], "rb") as file:
    train(pickle.load(file), progress=Progress())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_is_resumed_by_another(job, uninterrupted, tmp_path):
    import pickle

    (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILL, str(tmp_path / "job.pickle")],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert_same(train(job), uninterrupted)


def test_a_finished_run_keeps_only_the_best_checkpoint(uninterrupted):
    names = [path.name for path in (uninterrupted.folder / "checkpoints").iterdir()]
    assert names == ["best.keras"]
    assert not load_network(uninterrupted.best().path, compiled=True).compiled


def test_a_lost_checkpoint_is_named(job, killed_at):
    progress, kill = killed_at(at_note="epoch 1:")
    with pytest.raises(kill):
        train(job, progress=progress)
    shutil.rmtree(next(job.runs.glob("2*")) / "checkpoints")
    with pytest.raises(DataError, match=r"last-0001\.keras does not exist"):
        train(job)


def test_a_lost_loss_stops_training_and_says_where(make_job):
    job = make_job("mlp", training={"learning_rate": 1e30, "clip_norm": 1e30})
    with pytest.raises(DataError) as caught:
        train(job)
    message = str(caught.value)
    assert message.startswith(("the loss is nan at epoch 1, batch ", "the loss is inf"))
    assert "Lower learning_rate (1e+30) or clip_norm (1e+30)" in message


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
