"""A user's estimator and those of scikit-learn, from a job to a run."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from own_estimator import MINE, make_job, make_mine

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import Fold
from numerai_pipeline.training import train


def history(run):
    """Return a history without what no two trainings have in common."""
    return [repr(replace(row, seconds=0)) for row in run.history()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shards):
    """A run that was never killed; read only."""
    return train(make_job(tmp_path_factory.mktemp("whole"), shards))


def test_an_estimator_learns_what_is_planted_and_predicts_without_its_file(whole):
    run = whole
    best = run.best()
    assert best.epoch == 4
    assert [row.epoch for row in run.history()] == [1, 2, 3, 4]
    assert run.history()[-1].val_corr > 0.5
    kept = {path.name for path in (run.folder / "checkpoints").iterdir()}
    assert kept == {"best.zip", "finished"}

    x = np.random.default_rng(1).integers(0, 5, (500, 8)).astype(np.float32)
    predictions = run.predictor().predict(x)
    assert predictions.dtype == np.float32
    assert np.corrcoef(predictions, x[:, :3].sum(axis=1))[0, 1] > 0.9


def test_a_job_that_was_sent_makes_the_same_run(own_job, whole):
    sent = pickle.loads(pickle.dumps(own_job()))  # noqa: S301 - this test's own
    run = train(sent)
    assert history(run) == history(whole)
    assert run.folder.name == whole.folder.name
    # A second call trains nothing.
    assert train(sent).folder == run.folder


@pytest.mark.parametrize("at_epoch", ["epoch 2", "epoch 4"])
def test_a_killed_training_goes_on_from_its_own_checkpoints(
    own_job, killed_at, whole, at_epoch
):
    job = own_job()
    killing, killed = killed_at(at_note=at_epoch)
    with pytest.raises(killed):
        train(job, progress=killing)
    begun = len(killing.notes)
    going, _ = killed_at()
    run = train(job, progress=going)
    assert history(run) == history(whole)
    assert len([n for n in going.notes if n.startswith("epoch")]) == 4 - begun
    np.testing.assert_array_equal(
        run.predictor().estimator.w, whole.predictor().estimator.w
    )


def test_without_checkpoints_training_and_history_begin_again(
    own_job, killed_at, whole
):
    source = MINE.replace("np.save(", "None and np.save(")
    job = own_job(source)
    killing, killed = killed_at(at_note="epoch 3")
    with pytest.raises(killed):
        train(job, progress=killing)
    going, _ = killed_at()
    run = train(job, progress=going)
    assert [n.split(":")[0] for n in going.notes] == [f"epoch {n}" for n in range(1, 5)]
    assert history(run) == history(whole)


def test_an_estimator_that_resumes_is_loaded_as_it_was(own_job, killed_at):
    options = {"estimator": "sklearn.linear_model.SGDRegressor", "epochs": 4}
    never_killed = train(own_job("", name="whole", options=options))
    job = own_job("", options=options)
    killing, killed = killed_at(at_note="epoch 2")
    with pytest.raises(killed):
        train(job, progress=killing)
    run = train(job)
    assert history(run) == history(never_killed)
    assert len(run.history()) == 4
    np.testing.assert_array_equal(
        run.predictor().estimator.wrapped.coef_,
        never_killed.predictor().estimator.wrapped.coef_,
    )


def test_patience_ends_the_training_and_the_best_is_kept(own_job):
    run = train(own_job(options={"steps": 60}, training={"patience": 2}))
    rows = run.history()
    assert run.best().epoch == len(rows) - 2 < 58


def test_an_estimator_that_goes_on_regardless_is_not_recorded(own_job, capsys):
    fit = "self.w = np.ones(8); print(*[rows.evaluate(n) for n in range(1, 6)])"
    run = train(own_job(make_mine(fit=fit), training={"patience": 2}))
    assert len(run.history()) == 3
    assert capsys.readouterr().err == "True True False False False\n"


def test_a_refit_learns_all_eras_for_as_many_steps(own_job):
    fold = Fold(tuple(range(1, 31)), ())
    run = train(replace(own_job(), fold=fold, stop_at={"": 3}))
    assert run.best().epoch == 3
    assert np.isnan(run.history()[-1].val_loss)


def test_windows_and_further_targets_have_an_estimator_each(own_job):
    run = train(
        own_job(
            make_mine(fit="self.w = np.ones(8)"),  # evaluated once, at its end
            options={"also_targets": ["target_victor_20"]},
            training={"window_eras": 6},
        )
    )
    models = (run.folder / "checkpoints").rglob("best.zip")
    assert sorted(path.parent.name for path in models) == [
        "window-001",
        "window-001-target_victor_20",
    ]
    assert run.predictor().predict(np.ones((3, 8), np.float32)).shape == (3, 2)


def test_evaluate_wants_ascending_steps(own_job):
    source = make_mine(fit="self.w = np.ones(8); rows.evaluate(2); rows.evaluate(2)")
    with pytest.raises(ConfigError, match=r"'m': evaluate\(2\) after step 2\. Number"):
        train(own_job(source))


def test_an_untrained_file_made_by_hand_is_refused(own_job):
    job = own_job()
    job.untrained.parent.mkdir()
    job.untrained.write_text("{}")
    with pytest.raises(DataError, match=r"untrained\.json has no 'origin'"):
        train(job)
