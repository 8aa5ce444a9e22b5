"""The newest eras stay closed: nothing trains, chooses or tests on them."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from small_world import score_run

from numerai_pipeline.core import DataError
from numerai_pipeline.data import Fold, ShardReader
from numerai_pipeline.evaluation import Scoring, evaluate, subject_of_run
from numerai_pipeline.training import (
    Run,
    TrainingJob,
    refit_job,
    resolved_eras,
    train,
)

# Of 49 eras the last five; with a purge of 8 the others end at era 36.
LOCKBOX = (45, 46, 47, 48, 49)


@pytest.fixture(scope="module")
def closed(world):
    return ShardReader(world.shards.folder, lockbox_eras=len(LOCKBOX))


@pytest.fixture(scope="module")
def run(tmp_path_factory, closed, trained):
    """A run that was trained while the lockbox was closed."""
    before = Run.open(trained["trees"])
    runs = tmp_path_factory.mktemp("closed") / "trees" / "runs"
    fold = closed.default_fold(("target",))
    return train(
        TrainingJob(
            name="trees",
            recipe=before.recipe,
            fold=fold,
            untrained=runs / "none.json",
            shards=closed.folder,
            runs=runs,
            started=datetime(2026, 11, 24, 12, tzinfo=UTC),
        )
    )


def test_a_closed_era_is_as_if_it_were_not_there(closed):
    assert closed.lockbox == LOCKBOX
    assert closed.eras()[-1] == LOCKBOX[0] - 1
    assert closed.eras(purge=8)[-1] == LOCKBOX[0] - 9
    with pytest.raises(DataError, match="era 0045 is in the lockbox, whose 5 eras"):
        closed.read(None, eras=(45,))
    assert set(closed.opened().eras()) > set(LOCKBOX)


def test_nothing_learns_from_it_or_near_it(run, closed):
    fold = run.fold
    seen = {*fold.train, *fold.validation, *fold.test}
    assert max(seen) < LOCKBOX[0] - 8
    job = TrainingJob(
        name="trees",
        recipe=run.recipe,
        fold=fold,
        untrained=run.folder / "none.json",
        shards=closed.folder,
        runs=run.folder.parent,
        started=datetime(2026, 11, 24, 13, tzinfo=UTC),
    )
    assert max(refit_job(job, run, closed).fold.train) < LOCKBOX[0] - 8


def test_scores_leave_it_out_until_it_is_opened(run, closed, world):
    scored = score_run(run, closed)
    assert max(scored.rows[0].scores.eras) < LOCKBOX[0] - 8
    opened = score_run(run, closed, on="lockbox")
    # The last era has no target yet.
    assert opened.on == "lockbox"
    assert opened.rows[0].scores.eras.tolist() == list(LOCKBOX[:-1])
    assert set(pd.read_parquet(opened.predictions)["era"].astype(int)) == set(LOCKBOX)
    whole = score_run(run, world.shards, on="test").rows[0].scores
    assert whole.values[-4:].tolist() == opened.rows[0].scores.values.tolist()


def test_what_was_predicted_before_it_was_closed_is_scored_without_it(
    copied, closed, world
):
    subject = subject_of_run(copied(), world.shards)  # as a backtest is: from a file
    [whole] = evaluate([subject], world.shards, Scoring())
    assert max(whole.rows[0].scores.eras) == LOCKBOX[-2]
    smaller = ShardReader(closed.folder, lockbox_eras=1)
    [scored] = evaluate([subject], smaller, Scoring())
    assert max(scored.rows[0].scores.eras) == LOCKBOX[-1] - 9
    with pytest.raises(DataError, match=r"in the lockbox, from 0045 on.* Set a lower"):
        evaluate([subject], closed, Scoring())


def test_where_it_leaves_no_era_the_error_names_it(copied, closed):
    whole = ShardReader(closed.folder, lockbox_eras=49)
    with pytest.raises(DataError, match=r"The lockbox takes the newest 49 eras"):
        score_run(copied(), whole)
    with pytest.raises(DataError, match=r"no eras to learn from\. The lockbox takes"):
        resolved_eras(whole, "target")


def test_a_run_that_saw_the_lockbox_is_not_scored_on_it(copied, closed):
    run = replace(copied(), fold=Fold(tuple(range(1, 49)), (), purge=8))
    with pytest.raises(DataError, match=r"learned from or was chosen on.*nai train"):
        score_run(run, closed, on="lockbox")


def test_without_a_lockbox_there_is_nothing_to_open(copied, world):
    with pytest.raises(DataError, match=r"no lockbox: set \[evaluation\] lockbox_eras"):
        score_run(copied(), world.shards, on="lockbox")
