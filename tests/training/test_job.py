import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from child import run_python

from numerai_pipeline.core import ConfigError, DataError, read_json
from numerai_pipeline.data import Fold
from numerai_pipeline.training import Run, TrainingJob, train

pytestmark = pytest.mark.slow

OWN = """
from numerai_pipeline.models import (
    KerasFamily, KerasParameters, load_keras, network_input, target_head,
)

def build(parameters, n_features):
    inputs, x = network_input(parameters, n_features)
    return load_keras().Model(inputs, target_head(x, parameters))

FAMILY = KerasFamily("linear", "a straight line", KerasParameters, build)
"""

CODES = np.ones((3, 8), np.float32)


@pytest.fixture
def own_job(make_job, edited):
    """A function that returns a job of a user's own family, with this text."""
    job = edited(make_job("mlp"), family="linear", parameters={})
    return lambda text=OWN: replace(job, source=text)


def test_a_users_family_stays_with_its_run(own_job):
    run = train(own_job())
    assert (run.folder / "family.py").read_text() == OWN
    assert "family.py" in read_json(run.folder / "DONE")["sha256"]
    expected = run.predictor().predict(CODES)
    again = Run.open(run.folder)
    np.testing.assert_array_equal(again.predictor().predict(CODES), expected)
    assert again.best().path.is_file()
    (run.folder / "family.py").write_text(OWN + "\n")
    with pytest.raises(DataError, match=r"family\.py"):
        Run.open(run.folder).predictor()


def test_reading_a_run_does_not_run_its_family(own_job):
    run = train(own_job(OWN + "\nprint('the family runs')\n"))
    code = (
        "import sys; from pathlib import Path\n"
        "from numerai_pipeline.training import Run\n"
        "run = Run.open(Path(sys.argv[1])); print(run.best().path.name, run.unit)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(run.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "best.keras epoch"


KILL = """
import os, pickle, signal, sys
from numerai_pipeline.training import train
from recorded_progress import RecordedProgress

def kill(note):
    if note.startswith("epoch 1:"):
        os.kill(os.getpid(), signal.SIGKILL)

with open(sys.argv[1], "rb") as file:
    train(pickle.load(file), progress=RecordedProgress(on_note=kill))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_job_is_killed_in_one_process_and_goes_on_in_another(own_job, tmp_path):
    """Neither of them has the family's file."""
    job = own_job()
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    killed = run_python(KILL, tmp_path / "job", check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [folder] = job.runs.glob("2*")
    found = train(job)
    assert found.folder == folder
    whole = train(replace(job, runs=tmp_path / "whole"))
    learned = [
        [replace(row, seconds=0, rows_per_second=0, waiting=0) for row in run.history()]
        for run in (found, whole)
    ]
    assert learned[0] == learned[1]
    predictions = (run.predictor().predict(CODES) for run in (found, whole))
    np.testing.assert_array_equal(*predictions)


def test_an_edited_family_is_another_run(own_job):
    first = train(own_job())
    assert train(own_job()).folder == first.folder
    second = train(own_job(OWN.replace("straight", "very straight")))
    assert second.folder != first.folder


def test_built_in_families_leave_no_file(trained):
    _, run = trained("mlp")
    assert not (run.folder / "family.py").exists()


def test_the_fold_is_recorded(trained):
    job, run = trained("lightgbm")
    assert run.fold == job.fold
    assert run.fold.train == tuple(range(1, 17))
    assert (run.data_version, run.unit) == ("v5.3", "tree")


@pytest.mark.parametrize("family", ["mlp", "lightgbm"])
def test_another_fold_is_another_run_and_learns_from_its_eras_alone(
    family, make_job, trained
):
    _, whole = trained(family)
    job = replace(make_job(family), fold=Fold(tuple(range(1, 9)), (20, 21), purge=8))
    run = train(job)
    assert run.fold == job.fold
    assert run.folder.name[-8:] != whole.folder.name[-8:]
    assert run.history()[0].val_loss != whole.history()[0].val_loss


def test_eras_of_a_recipe_thin_out_the_training_eras(make_job):
    job = make_job("lightgbm", eras="every:4")
    assert job.fold.train == (4, 8, 12, 16)
    assert train(job).fold.train == (4, 8, 12, 16)


@pytest.mark.parametrize("family", ["mlp", "lightgbm", "xgboost", "catboost"])
def test_without_validation_eras_it_stops_where_it_is_told(family, make_job):
    job: TrainingJob = replace(
        make_job(family), fold=Fold(tuple(range(1, 31)), ()), stop_at={"": 2}
    )
    run = train(job)
    rows = run.history()
    assert run.best().epoch == rows[-1].epoch == 2
    assert np.isnan(rows[-1].val_corr)
    assert np.isnan(run.best().value)
    assert np.ptp(run.predictor().predict(np.eye(8, dtype=np.float32) * 4)) > 0


def test_a_fold_without_eras_to_choose_by_is_refused(make_job):
    job = replace(make_job(), fold=Fold((1, 2, 3), ()))
    with pytest.raises(ConfigError, match="no validation eras to choose the best"):
        train(job)


def test_what_a_killed_training_left_half_written_is_swept(make_job, killed_at):
    job = make_job()
    progress, kill = killed_at(at_note="tree 20:")
    with pytest.raises(kill):
        train(job, progress=progress)
    [begun] = job.runs.glob("2*")
    mark = begun.name[-8:]
    left = [
        job.runs / f".20260101T000000-{mark}.0123abcd.partial",
        begun / "checkpoints" / ".best.txt.0123abcd.partial",
    ]
    other = job.runs / ".20260101T000000-00000000.0123abcd.partial"
    for folder in (left[0], other):
        folder.mkdir()
    left[1].write_text("half")
    train(job)
    assert not any(path.exists() for path in left)
    assert other.exists()  # of another run, which may be writing it now
