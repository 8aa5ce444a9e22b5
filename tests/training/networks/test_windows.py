from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.models import load_network
from numerai_pipeline.scoring import rank_per_era
from numerai_pipeline.training import Run, train
from numerai_pipeline.training.history import best_row, read_history
from numerai_pipeline.training.networks.windows import Window, cut_windows

WINDOWS = {"window_eras": 4, "window_step": 5, "window_purge": 1, "epochs": 2}


def test_the_originals_windows_of_14_eras():
    windows = cut_windows(range(1, 575), width=14, step=14, purge=0)
    assert len(windows) == 40
    assert windows[0] == Window(tuple(range(1, 15)), tuple(range(15, 29)))
    assert windows[-1] == Window(tuple(range(547, 561)), tuple(range(561, 575)))


def test_the_purge_counts_era_numbers():
    (first, _) = cut_windows(range(1, 40, 4), width=2, step=4, purge=4)
    # 9 is 4 eras after 5, and so left out; 13 is 8 after.
    assert first == Window((1, 5), (13, 17))
    assert cut_windows(range(1, 40, 4), width=2, step=4, purge=3)[0].held_out == (9, 13)


@pytest.fixture
def windowed(make_job):
    return make_job("mlp", training=WINDOWS)


def test_windows_are_trained_and_predict_together(windowed, shards):
    run = train(windowed)
    reader = ShardReader(shards)
    # 16 eras to train on: 1-4 and 6-9, then 6-9 and 11-14; 11-14 leave no 16-19.
    assert reader.eras("train") == tuple(range(1, 17))
    assert [row.epoch for row in run.history()] == [1, 2]
    names = sorted(
        path.relative_to(run.folder).as_posix()
        for path in run.folder.rglob("*")
        if path.is_file() and path.suffix in (".keras", ".csv")
    )
    assert names == [
        "checkpoints/window-001/best.keras",
        "checkpoints/window-002/best.keras",
        "history-window-001.csv",
        "history-window-002.csv",
        "history.csv",
        "untrained.keras",
    ]
    for row in run.history():
        of_window = read_history(run.folder / f"history-window-{row.epoch:03d}.csv")
        best = best_row(of_window, "val_loss")
        assert (row.loss, row.val_loss) == (best.loss, best.val_loss)
    best = run.best()
    assert best.path == run.folder / f"checkpoints/window-00{best.epoch}/best.keras"
    assert best.path.is_file()

    block = reader.read("valid", targets=["target"])
    found = Run.open(run.folder).predictor().predict(decode_features(block.x, 2.0))
    assert found.shape == (len(block), 2)
    alone = load_network(run.folder / "checkpoints/window-002/best.keras")
    expected = alone.predict(decode_features(block.x, 2.0), verbose=0)
    np.testing.assert_allclose(found[:, 1], expected[:, 0], atol=1e-6)
    # Both learned, and not the same.
    has_target = ~np.isnan(block.y[:, 0])
    ranks = [rank_per_era(column, block.eras)[has_target] for column in found.T]
    assert min(np.corrcoef([*ranks, block.y[has_target, 0]])[-1, :-1]) > 0.3
    assert not np.allclose(*found.T)


def test_a_window_learns_from_its_eras_alone(assigned):
    from numerai_pipeline.training.networks import engine

    asked = []

    class Watching(ShardReader):
        def load(self, split, **choice):
            asked.append((split, choice["eras"]))
            return super().load(split, **choice)

    assignment = assigned(training=WINDOWS)
    reader = Watching(assignment.plan.job.shards)
    engine.fit(replace(assignment, plan=replace(assignment.plan, reader=reader)))
    assert asked == [
        ("train", (1, 2, 3, 4)),
        ("train", (6, 7, 8, 9)),
        ("train", (6, 7, 8, 9)),
        ("train", (11, 12, 13, 14)),
    ]


@pytest.mark.slow
def test_killed_anywhere_and_resumed_the_windows_are_the_same(
    fitted, learned, killed_at
):
    options = {
        "training": {**WINDOWS, "batches": "eras"},
        "parameters": {"dropout": 0.5, "noise": 0.1},
    }
    whole = fitted(name="whole", **options)
    places = [
        # After the lines of the first window's epochs, after that of the window, in
        # the middle of the next one.
        {"at_note": "epoch 1:"},
        {"at_note": "epoch 2:"},
        {"at_note": "window 1:"},
        {"at_step": 1.4},
    ]
    for place in places:
        progress, kill = killed_at(**place)
        with pytest.raises(kill):
            fitted(name="killed", progress=progress, **options)
    assert learned(fitted(name="killed", **options)) == learned(whole)


def test_a_request_that_fits_no_window_is_refused_with_the_numbers(windowed, edited):
    job = edited(windowed, training={**windowed.recipe.training, "window_eras": 8})
    with pytest.raises(ConfigError) as caught:
        train(job)
    assert str(caught.value) == (
        "window_eras = 8 and window_purge = 1 need 17 eras to train on, but "
        f"{job.shards} has 16 with 'target', 0001 to 0016. Lower them in model.toml, "
        "or pack more eras: `nai etl`."
    )
