from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data import Fold, ShardReader, decode_features, rolling_folds
from numerai_pipeline.models import load_network
from numerai_pipeline.scoring import rank_per_era
from numerai_pipeline.training import Run, train
from numerai_pipeline.training.history import best_row, read_history
from numerai_pipeline.training.job import make_plan, window_purge

pytestmark = pytest.mark.slow

WINDOWS = {"window_eras": 4, "window_step": 5, "window_purge": 1}
SECOND = "target_victor_20"


def test_forty_windows_of_14_eras():
    folds = rolling_folds(range(1, 575), width=14, step=14, purge=0)
    assert len(folds) == 40
    assert folds[0] == Fold(tuple(range(1, 15)), tuple(range(15, 29)))
    assert folds[-1] == Fold(tuple(range(547, 561)), tuple(range(561, 575)))


def test_the_purge_counts_era_numbers():
    (first, _) = rolling_folds(range(1, 40, 4), width=2, step=4, purge=4)
    # 9 is 4 eras after 5, and so left out; 13 is 8 after.
    assert (first.train, first.validation) == ((1, 5), (13, 17))
    closer = rolling_folds(range(1, 40, 4), width=2, step=4, purge=3)
    assert closer[0].validation == (9, 13)


@pytest.fixture
def windowed(make_job):
    return make_job("mlp", training={**WINDOWS, "epochs": 2})


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


@pytest.mark.parametrize("family", ["mlp", "lightgbm"])
def test_each_window_is_a_fold_of_its_own(make_job, family):
    plan = make_plan(make_job(family, training=WINDOWS))
    assert [(m.name, m.fold.train, m.fold.validation) for m in plan.models] == [
        ("window-001", (1, 2, 3, 4), (6, 7, 8, 9)),
        ("window-002", (6, 7, 8, 9), (11, 12, 13, 14)),
    ]


@pytest.mark.parametrize(
    ("targets", "purge"),
    [(("target",), 8), (("target_x_60",), 16), (("target", "target_x_60"), 16)],
)
def test_windows_keep_the_horizon_of_the_longest_target(make_job, targets, purge):
    for family in ("mlp", "lightgbm"):
        table = make_job(family, training=WINDOWS).checked_recipe().training
        assert window_purge(table, targets, allow_leak=False) == purge
        assert window_purge(table, targets, allow_leak=True) == 1


def test_windows_of_trees_and_further_targets_predict_together(make_job):
    job = make_job("lightgbm", training=WINDOWS, parameters={"also_targets": (SECOND,)})
    run = train(job)
    assert (run.unit, [row.epoch for row in run.history()]) == ("window", [1, 2])
    models = sorted(path.parent.name for path in run.folder.glob("checkpoints/*/best*"))
    assert models == [
        "window-001",
        f"window-001-{SECOND}",
        "window-002",
        f"window-002-{SECOND}",
    ]
    assert run.predictor().predict(np.ones((3, 8), np.float32)).shape == (3, 4)
    assert (run.folder / "importance.csv").is_file()


@pytest.mark.parametrize("family", ["mlp", "lightgbm"])
def test_killed_anywhere_and_resumed_the_windows_are_the_same(
    make_job, killed_at, family
):
    options = {"mlp": {"epochs": 2, "batches": "eras"}, "lightgbm": {}}[family]
    job = make_job(family, training={**WINDOWS, **options})
    whole = train(replace(job, runs=job.runs.with_name("whole")))
    unit = {"mlp": "epoch 2:", "lightgbm": "tree 20:"}[family]
    for place in ({"at_note": unit}, {"at_note": "window 1:"}, {"at_note": unit}):
        progress, kill = killed_at(**place)
        with pytest.raises(kill):
            train(job, progress=progress)
    resumed = train(job)
    rows = [replace(row, seconds=0.0) for row in resumed.history()]
    assert rows == [replace(row, seconds=0.0) for row in whole.history()]
    codes = np.random.default_rng(1).integers(0, 5, (50, 8)).astype(np.float32)
    np.testing.assert_array_equal(
        resumed.predictor().predict(codes), whole.predictor().predict(codes)
    )


def test_a_request_that_fits_no_window_is_refused_with_the_numbers(windowed, edited):
    job = edited(windowed, training={**windowed.recipe.training, "window_eras": 8})
    with pytest.raises(ConfigError) as caught:
        train(job)
    assert str(caught.value) == (
        f"window_eras = 8 and a purge of 1 need 17 eras to train on, but {job.shards} "
        "has 16 with 'target', 0001 to 0016. Lower window_eras in model.toml, or pack "
        "more eras: `nai etl`."
    )
