"""The rows that an estimator reads."""

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.training.estimators.engine import FittedRows
from numerai_pipeline.training.job import make_plan
from numerai_pipeline.training.labels import balancing_weights
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.task import make_task


@pytest.fixture
def rows_of(own_job, tmp_path, killed_at):
    """A function that returns the rows of a job that has not begun."""

    def make(**options):
        job = own_job("", **options)
        plan = make_plan(job)
        (tmp_path / "run" / "checkpoints").mkdir(parents=True)
        recorder = Recorder(
            tmp_path / "run" / "history.csv",
            plan.checked.training,
            unit="epoch",
            tensorboard=None,
            progress=killed_at()[0],
        )
        return FittedRows(make_task(plan, plan.models[0], tmp_path / "run", recorder))

    return make


def test_batches_and_the_whole_are_the_same_rows(rows_of):
    rows = rows_of(training={"era_weights": "eras"}, missing=-1.0)
    whole = rows.read("int8")
    assert whole.x.dtype == np.int8
    assert whole.x.min() == -1
    assert len(whole.y) == rows.n_rows
    np.testing.assert_array_equal(whole.weights, balancing_weights(rows.eras))
    for dtype in ("float32", "int8"):
        in_order = list(rows.batches(300, dtype=dtype))
        assert in_order[0].x.dtype == dtype
        for part, pieces in zip(whole, zip(*in_order, strict=True), strict=True):
            np.testing.assert_array_equal(part, np.concatenate(pieces))


def test_the_order_follows_from_seed_and_epoch(rows_of):
    rows = rows_of()

    def order(epoch):
        return np.concatenate([batch.eras for batch in rows.batches(64, epoch=epoch)])

    np.testing.assert_array_equal(order(1), order(1))
    assert (order(1) != order(2)).any()
    assert (np.diff(rows.eras) >= 0).all()
    assert (np.sort(order(1)) == rows.eras).all()


def test_what_does_not_fit_is_refused_with_its_size(rows_of):
    rows = rows_of(max_ram_bytes=20_000)
    sentence = r"'m': all 1,\d+ training rows of 8 features need \d+ KB as float32, "
    with pytest.raises(ConfigError, match=sentence + "but 20 KB are allowed"):
        rows.read()
    # Then the rows are mapped from a file.
    assert sum(len(batch.y) for batch in rows.batches(64)) == rows.n_rows


def test_int8_cannot_hold_a_missing_value_that_is_not_whole(rows_of):
    rows = rows_of(missing=float("nan"))
    with pytest.raises(ConfigError, match="int8, which cannot hold missing = nan"):
        rows.read("int8")
    assert np.isnan(rows.read().x).any()


def test_reading_and_evaluating_are_shown(rows_of):
    rows = rows_of()
    rows.read()
    list(rows.batches(500))
    list(rows.validation.batches(500))
    shown = {task.description for task in rows._recorder.progress.tasks}
    assert {"reading training rows of m", "training m", "validation m"} <= shown
