import os

import psutil
import pytest
from child import run_python
from recorded_progress import Killed, RecordedProgress
from some_work import square, write_forever

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.training import Processes, Serial

NUMBERS = {"two": 2, "none": 0, "three": 3}


def test_one_failure_does_not_stop_the_other_jobs():
    progress = RecordedProgress()
    outcomes = Serial().run(square, NUMBERS, progress, title="squares")
    assert list(outcomes) == list(NUMBERS)
    assert (outcomes["two"].result, outcomes["three"].result) == (4, 9)
    assert isinstance(outcomes["none"].error, DataError)
    whole, *tasks = progress.tasks
    assert (whole.description, whole.done, whole.total) == ("squares", 3, 3)
    assert [task.description for task in tasks] == [
        f"{label}: squaring" for label in NUMBERS
    ]
    assert "none: failed: zero has no rows. Choose another number." in progress.notes


@pytest.mark.slow
def test_processes_do_what_one_process_does():
    progress = RecordedProgress()
    jobs = {**NUMBERS, "bug": 13, "killed": -1}
    outcomes = Processes(3, n_threads=1).run(square, jobs, progress, title="squares")
    assert list(outcomes) == list(jobs)
    assert (outcomes["two"].result, outcomes["three"].result) == (4, 9)
    assert isinstance(outcomes["none"].error, DataError)
    assert "ZeroDivisionError: thirteen" in str(outcomes["bug"].error)
    assert isinstance(outcomes["killed"].error, ConfigError)
    assert "the process of killed ended with 9" in str(outcomes["killed"].error)
    assert progress.done("squares") == len(jobs)
    assert progress.done("two: squaring") == 1
    assert "three: squared 3 with 1 threads" in progress.notes


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_an_interrupt_ends_the_children(tmp_path):
    progress = RecordedProgress(at_note="b: working")
    jobs = {"a": tmp_path / "a", "b": tmp_path / "b"}
    with pytest.raises(Killed):
        Processes(2).run(write_forever, jobs, progress, title="forever")
    for path in jobs.values():
        assert not path.exists() or not is_running(int(path.read_text()))


KILLED_PARENT = """
    import os, signal, sys
    from recorded_progress import RecordedProgress
    from some_work import write_forever
    from numerai_pipeline.training import Processes

    def kill(note):
        os.kill(os.getpid(), signal.SIGKILL)

    progress = RecordedProgress(on_note=kill)
    Processes(1).run(write_forever, {"a": sys.argv[1]}, progress, title="forever")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a kill is a signal here")
def test_children_end_with_a_parent_that_was_killed(tmp_path):
    done = run_python(KILLED_PARENT, tmp_path / "pid", check=False)
    assert done.returncode == -9
    # The child holds the pipes of the parent's output, which have ended with it.
    pid = int((tmp_path / "pid").read_text())
    assert not is_running(pid)
