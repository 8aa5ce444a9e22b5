"""What a user's estimator may do wrong, each a sentence about it."""

import os
import signal
import sys
import textwrap

import numpy as np
import pytest
from own_estimator import make_mine

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.training import train

FIT = "self.w = np.ones(8)"


@pytest.mark.parametrize(
    ("predict", "sentence"),
    [
        ("return np.full(len(features), np.nan)", "returns NaN or infinity for 1,"),
        ("return np.full(len(features), 1e300)", "returns NaN or infinity for 1,"),
        ("return np.zeros(7)", "returns an array of 7 for 1,"),
        ("return np.zeros((len(features), 2))", " x 2 for 1,"),
        ("return 0.5", "returns a single value for 1,"),
        ("return None", "returns a single value for 1,"),
        ("return ['a'] * len(features)", "returns values of the type <U1. Return nu"),
        ("return np.array([None] * len(features))", "of the type object. Return num"),
        ("return features @ self.v", "raised AttributeError: 'Mine' object has no a"),
    ],
)
def test_a_wrong_prediction_is_a_sentence(own_job, predict, sentence):
    job = own_job(make_mine(fit=FIT, predict=predict))
    with pytest.raises((ConfigError, DataError)) as caught:
        train(job)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("'m': predict of Mine ")
    [folder] = job.runs.glob("2*")
    assert not (folder / "history.csv").exists()
    assert not list(folder.rglob("*.zip"))
    assert not list(job.runs.rglob("*.partial"))


@pytest.mark.parametrize(
    ("fit", "sentence"),
    [
        (
            "raise ValueError('odd')",
            "fit of Mine raised ValueError: odd (line 14) of z",
        ),
        ("sys.exit(3)", "fit of Mine called sys.exit(3) (line 14) of zoo/mine.py. Rai"),
        ("rows.y[:] = 0", "raised ValueError: assignment destination is read-only"),
        (f"{FIT}; self.f = lambda: 1", "pickling Mine raised "),
        ("raise MemoryError", "fit of Mine raised MemoryError: no reason given"),
    ],
)
def test_a_fit_that_fails_names_the_line(own_job, fit, sentence):
    with pytest.raises(ConfigError) as caught:
        train(own_job(make_mine(fit=fit)))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("'m': ")
    assert caught.value.__cause__ is not None


def test_a_class_without_predict_is_refused_before_there_is_a_run(own_job):
    source = make_mine(fit=FIT).replace("def predict", "def foretell")
    job = own_job(source)
    with pytest.raises(ConfigError, match=r"Mine has no method 'predict'\. An estim"):
        train(job)
    assert not list(job.runs.glob("2*"))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("rows.evaluate(1, loss='x')", "'m': evaluate(1, loss='x'). Give one number"),
        ("list(rows.batches(-5))", "'m': batches with batch_rows = -5. Give a whole "),
        ("list(rows.batches(9, epoch=-1))", "'m': batches with epoch = -1. Give a wh"),
        ("rows.read('int64')", "'m' reads int64. Read float32 or int8."),
    ],
)
def test_what_the_rows_do_not_take_is_named(own_job, asked, sentence):
    with pytest.raises(ConfigError) as caught:
        train(own_job(make_mine(fit=f"{FIT}; {asked}")))
    assert str(caught.value).startswith(sentence)


def test_a_class_with_save_needs_load(own_job):
    more = "    def save(self, folder):\n        pass\n"
    with pytest.raises(ConfigError, match="Mine has no method 'load'"):
        train(own_job(make_mine(more=more)))


def test_a_best_model_that_it_deletes_is_missed_before_the_run_is_done(own_job):
    fit = f"{FIT}; rows.evaluate(1); [p.unlink() for p in rows.checkpoints.parent.glob"
    job = own_job(make_mine(fit=f"{fit}('best*')]"))
    with pytest.raises(
        DataError, match=r"best\.zip, the best model of 'm', was deleted"
    ):
        train(job)
    assert not list(job.runs.rglob("DONE"))


def test_an_error_of_evaluate_cannot_be_caught(own_job):
    fit = textwrap.indent(
        "try:\n    rows.evaluate(1)\nexcept Exception:\n    pass", " " * 8
    ).lstrip()
    source = make_mine(fit=f"{FIT}\n        {fit}", predict="return features")
    with pytest.raises(ConfigError, match=r"an array of 1,\d+ x 8 for 1,"):
        train(own_job(source))


def test_what_it_prints_goes_to_stderr(own_job, capfd):
    fit = f"{FIT}; print('python'); os.system('echo process'); os.write(1, b'system')"
    source = make_mine(fit=fit, predict="print('predict'); return features[:, 0]")
    train(own_job(source)).predictor().predict(np.zeros((1, 8), np.float32))
    printed = capfd.readouterr()
    assert printed.out == ""
    for word in ("python", "process", "system", "predict"):
        assert word in printed.err


def test_a_column_and_whole_numbers_are_predictions(own_job):
    source = make_mine(
        fit=FIT, predict="features += 1; return features[:, :1].astype(int)"
    )
    run = train(own_job(source))
    features = np.full((2, 8), 3, np.float32)
    found = run.predictor().predict(features)
    np.testing.assert_array_equal(found, np.float32([4, 4]))
    assert (features == 3).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("what", ["pass", "rows.evaluate(1)"])
def test_a_process_that_is_forked_off_is_no_second_trainer(own_job, capfd, what):
    body = f"""
        {FIT}
        child = os.fork()
        if child == 0:
            {what}
            return
        self.ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    """
    run = train(own_job(make_mine(fit=body.strip())))
    assert run.predictor().estimator.ended == 1
    assert "'m': fit" in capfd.readouterr().err
    assert len(run.history()) == 1


@pytest.mark.parametrize("catch", ["pass", "rows.evaluate(1)"])
def test_ctrl_c_ends_the_training_even_if_it_is_caught(own_job, catch):
    body = f"""
        {FIT}
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            {catch}
    """
    source = make_mine(fit=body.strip()).replace("os, sys", "os, signal, sys")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(own_job(source))
    assert signal.getsignal(signal.SIGINT) is before
    assert sys.stdout is not sys.stderr


def test_batches_are_its_own(own_job):
    body = f"""
        {FIT}
        kept = []
        for batch in rows.batches(100, epoch=1):
            kept.append((batch, [part.copy() for part in batch[:3]]))
        for batch, copies in kept:
            for part, copy in zip(batch, copies):
                np.testing.assert_array_equal(part, copy)
                part[:] = 0
        whole = rows.read()
        for part in whole[:3]:
            part[:] = 0
        again = rows.read()
        assert again.x.any() and rows.y.any() and rows.eras.all()
    """
    train(own_job(make_mine(fit=body.strip())))
