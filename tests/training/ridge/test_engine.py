import json
import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from recorded_progress import RecordedProgress
from sklearn.linear_model import Ridge

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import Fold, ShardReader, decode_features
from numerai_pipeline.models import RidgeModel
from numerai_pipeline.training import Run, draw_training, make_plan, refit_job, train
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.ridge import engine
from numerai_pipeline.training.ridge.products import Products
from numerai_pipeline.training.task import make_task
from numerai_pipeline.training.trainer import begin_run

PENALTIES = (0.5, 40.0, 3000.0)


@pytest.fixture
def ridge_job(make_job):
    """A function that makes a job of `ridge` with three penalties."""

    def make(*, parameters=(), **options):
        parameters = {"penalties": PENALTIES, **dict(parameters)}
        return make_job("ridge", parameters=parameters, **options)

    return make


def rows_of(job, part, target="target"):
    """Return features in float64, targets and eras of the rows with a target."""
    eras = getattr(job.fold, part)
    rows = ShardReader(job.shards).read(None, eras=eras, targets=[target])
    known = ~np.isnan(rows.y[:, 0])
    x = decode_features(rows.x, job.recipe.missing).astype(np.float64)
    return x[known], rows.y[known, 0].astype(np.float64), rows.eras[known]


def scikit(job, penalty, target="target"):
    x, y, eras = rows_of(job, "train", target)
    _, of_row, sizes = np.unique(eras, return_inverse=True, return_counts=True)
    by_era = job.recipe.training.get("era_weights") == "eras"
    weights = (sizes.mean() / sizes)[of_row] if by_era else None
    return Ridge(alpha=penalty).fit(x, y, sample_weight=weights)


def assert_same(model, peer, place=0):
    scale = np.abs(peer.coef_).max()
    np.testing.assert_allclose(
        model.coefficients[:, place], peer.coef_, rtol=0, atol=1e-9 * scale
    )
    assert model.intercepts[place] == pytest.approx(peer.intercept_, rel=1e-9)


def model_of(run):
    return RidgeModel.load(run.best().path)


@pytest.mark.parametrize("era_weights", ["rows", "eras"])
@pytest.mark.parametrize("missing", [2.0, 2.5])
def test_it_is_the_ridge_of_scikit_learn(ridge_job, missing, era_weights):
    job = ridge_job(missing=missing, training={"era_weights": era_weights})
    run = train(job)
    model = model_of(run)
    assert_same(model, scikit(job, model.penalty))
    assert model.features == run.features


def test_the_penalty_with_the_best_validation_is_kept(ridge_job):
    job = ridge_job()
    progress = RecordedProgress()
    run = train(job, progress=progress)
    x, y, _ = rows_of(job, "validation")
    own_x, own_y, _ = rows_of(job, "train")
    peers = [scikit(job, penalty) for penalty in PENALTIES]
    losses = [np.mean((peer.predict(x) - y) ** 2) for peer in peers]
    rows = run.history()
    assert [row.penalty for row in rows] == list(PENALTIES)
    assert [row.val_loss for row in rows] == pytest.approx(losses, rel=1e-6)
    assert [row.loss for row in rows] == pytest.approx(
        [np.mean((peer.predict(own_x) - own_y) ** 2) for peer in peers]
    )
    best = int(np.argmin(losses))
    assert (run.best().epoch, model_of(run).penalty) == (best + 1, PENALTIES[best])
    assert f"the best penalty is {PENALTIES[best]:g}, of 3" in progress.notes
    assert rows[best].val_corr > 0.3
    predictions = run.predictor().predict(x.astype(np.float32))
    np.testing.assert_allclose(predictions, peers[best].predict(x), atol=1e-6)
    assert run.chart().line.startswith("penalty 3000: loss 0.")
    figure = Figure()
    draw_training(figure, run.chart())
    ticks = [tick.get_text() for tick in figure.axes[-1].get_xticklabels()]
    assert ticks == ["0.5", "40", "3000"]


def test_val_corr_chooses_where_it_is_the_monitor(ridge_job):
    run = train(ridge_job(training={"monitor": "val_corr"}))
    rows = run.history()
    best = max(rows, key=lambda row: row.val_corr)
    assert model_of(run).penalty == best.penalty


def test_a_penalty_that_leaves_nothing_to_rank(ridge_job):
    [row] = train(ridge_job(parameters={"penalties": [1e300]})).history()
    assert math.isfinite(row.val_loss)
    assert math.isnan(row.val_corr)


def test_each_target_has_its_own_rows(ridge_job):
    also = ["target_victor_20", "target_ender_20"]
    job = ridge_job(parameters={"also_targets": also})
    run = train(job)
    model = model_of(run)
    assert model.targets == ("target", *also)
    for place, target in enumerate(model.targets):
        assert_same(model, scikit(job, model.penalty, target), place)
    x, _, _ = rows_of(job, "validation")
    assert run.predictor().predict(x.astype(np.float32)).shape == (len(x), 3)
    assert max(row.val_corr for row in run.history()) > 0.2


def test_a_refit_has_the_penalty_that_was_found(ridge_job):
    job = ridge_job()
    run = train(job)
    reader = ShardReader(job.shards)
    again = train(refit_job(replace(job, recipe=run.recipe), run, reader))
    [row] = again.history()
    assert row.penalty == model_of(again).penalty == model_of(run).penalty
    assert again.best().epoch == run.best().epoch
    without = Fold(job.fold.train, (), purge=job.fold.purge)
    last = train(replace(job, fold=without, stop_at={"": 99}))
    assert model_of(last).penalty == PENALTIES[-1]


def test_a_window_has_a_model_of_its_own(ridge_job):
    run = train(ridge_job(training={"window_eras": 4, "window_step": 4}))
    assert run.unit == "window"
    assert len(run.history()) == len(list(run.folder.glob("checkpoints/window-*")))
    assert run.best().path.is_file()


@pytest.mark.parametrize("era_weights", ["rows", "eras"])
def test_a_killed_pass_goes_on_from_its_checkpoint(ridge_job, killed_at, era_weights):
    job = ridge_job(training={"era_weights": era_weights})
    plan = make_plan(job)
    started = [begin_run(plan, engine, name) for name in ("killed", "whole")]

    def fit(folder, progress):
        run = Recorder(
            folder / "history.csv",
            plan.checked.training,
            unit="penalty",
            tensorboard=None,
            progress=progress,
        )
        task = make_task(plan, plan.models[0], folder, run)
        engine.fit(task, checkpoint_rows=300)
        return task

    progress, kill = killed_at(at_step=900)
    with pytest.raises(kill):
        fit(started[0], progress)
    assert [path.name for path in started[0].glob("checkpoints/*")] == [
        "products-0.npz"
    ]
    progress, _ = killed_at()
    killed, whole = fit(started[0], progress), fit(started[1], progress)
    assert killed.best_path.read_text() == whole.best_path.read_text()
    assert not list(started[0].glob("checkpoints/products-*"))


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_broken_checkpoint_is_named(tmp_path, damage):
    path = tmp_path / "products-0.npz"
    Products(20, 1, missing=2.0).save(path, n_blocks=1, n_rows=2)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-30:]
    else:
        content[300] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"products-0\.npz is not a whole checkpoint"):
        Products(20, 1, missing=2.0).restore(path)


def test_a_killed_history_is_completed(ridge_job, tmp_path, killed_at):
    job = ridge_job()
    progress, kill = killed_at(at_note="penalty 40:")
    with pytest.raises(kill):
        train(job, progress=progress)
    run = train(job)
    whole = train(replace(job, runs=tmp_path / "whole"))
    assert [replace(row, seconds=0.0) for row in run.history()] == [
        replace(row, seconds=0.0) for row in whole.history()
    ]
    assert run.best().path.read_text() == whole.best().path.read_text()


def test_missing_features_need_a_number(ridge_job):
    with pytest.raises(ConfigError, match="missing = nan, but 'ridge' multiplies"):
        train(ridge_job(missing=float("nan")))


def test_too_little_memory_is_said_before_the_work(ridge_job):
    with pytest.raises(ConfigError, match=r"needs .* for the products of its 8 feat"):
        train(replace(ridge_job(), max_ram_bytes=10**6))


def test_a_broken_model_is_named(ridge_job, tmp_path):
    run = train(ridge_job())
    found = json.loads(run.best().path.read_text())
    del found["targets"]["target"]["intercept"]
    path = tmp_path / "best.json"
    path.write_text(json.dumps(found))
    with pytest.raises(DataError, match=r"best\.json is not a model of 'ridge'"):
        Run.open(run.folder).family.load(path)
