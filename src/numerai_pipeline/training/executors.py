"""Lists of jobs, done here one after the other, or several at a time in processes.

A job can be pickled, and so can the function that does it; the outcome of each is its
own. In a process its progress is sent to the parent, which shows it beside the others.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

from numerai_pipeline.core import Advance, ConfigError, PipelineError, Progress

Job = TypeVar("Job")
Result = TypeVar("Result")

# What the libraries read when they are loaded: one variable for trees, two for
# TensorFlow.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class JobOutcome(Generic[Result]):
    """What came of a job: a result or an error.

    Attributes:
        result: None if it failed.
        error: None if it did not.
    """

    result: Result | None = None
    error: Exception | None = None


class Executor(Protocol):
    """Does a list of jobs."""

    def run(
        self,
        work: Callable[[Job, Progress], Result],
        jobs: Mapping[str, Job],
        progress: Progress,
        *,
        title: str,
    ) -> dict[str, JobOutcome[Result]]:
        """Do all jobs, even if some fail.

        Args:
            work: does one; a function of a module.
            jobs: by the label that their progress is shown with.
            progress: where to report.
            title: what all of them are.

        Returns:
            The outcome of each job, in the order of the jobs.
        """
        ...


@dataclass(frozen=True)
class Serial:
    """Does one job after the other in this process; see ``Executor``."""

    def run(
        self,
        work: Callable[[Job, Progress], Result],
        jobs: Mapping[str, Job],
        progress: Progress,
        *,
        title: str,
    ) -> dict[str, JobOutcome[Result]]:
        """Do all jobs; see ``Executor``."""
        outcomes: dict[str, JobOutcome[Result]] = {}
        with progress.task(title, len(jobs), "jobs") as advance:
            for label, job in jobs.items():
                shown = LabelledProgress(progress, label)
                outcomes[label] = _outcome(work, job, shown)
                advance(1)
        return outcomes


@dataclass(frozen=True)
class Processes:
    """Does several jobs at a time, each in a fresh process; see ``Executor``.

    When this process ends, by Ctrl-C or a kill, so do its children.

    Attributes:
        n_parallel: how many jobs at a time.
        n_threads: threads of each, unless the environment sets them.
    """

    n_parallel: int
    n_threads: int = 1

    def run(
        self,
        work: Callable[[Job, Progress], Result],
        jobs: Mapping[str, Job],
        progress: Progress,
        *,
        title: str,
    ) -> dict[str, JobOutcome[Result]]:
        """Do all jobs; see ``Executor``."""
        waiting = list(jobs.items())
        running: dict[Any, _Child] = {}
        outcomes: dict[str, JobOutcome[Result]] = {}
        with progress.task(title, len(jobs), "jobs") as advance, ExitStack() as stack:
            stack.callback(_end_all, running)
            while waiting or running:
                while waiting and len(running) < self.n_parallel:
                    label, job = waiting.pop(0)
                    shown = LabelledProgress(progress, label)
                    child = _Child.start(label, shown, self.n_threads, work, job)
                    running[child.connection] = child
                for connection in wait(list(running)):
                    child = running[connection]
                    outcome = child.receive()
                    if outcome is not None:
                        running.pop(connection).end()
                        outcomes[child.label] = outcome
                        advance(1)
        return {label: outcomes[label] for label in jobs}


class LabelledProgress:
    """Says which job a report is about.

    Args:
        progress: where to report.
        label: such as ``fold 3``.
    """

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._label = label

    def task(
        self, description: str, total: float | None, unit: str
    ) -> AbstractContextManager[Advance]:
        """Open a task; see ``Progress``."""
        return self._progress.task(f"{self._label}: {description}", total, unit)

    def note(self, text: str) -> None:
        """Report a line; see ``Progress``."""
        self._progress.note(f"{self._label}: {text}")

    def chart(self, chart: Any) -> None:
        """Show curves; see ``Progress``."""
        titled = replace(chart, title=f"{chart.title}, {self._label}")
        self._progress.chart(titled)


def _outcome(
    work: Callable[[Job, Progress], Result], job: Job, progress: Progress
) -> JobOutcome[Result]:
    try:
        return JobOutcome(result=work(job, progress))
    except Exception as error:  # noqa: BLE001 - the other jobs are still to be done
        progress.note(f"failed: {error}")
        return JobOutcome(error=error)


def _end_all(children: Mapping[Any, "_Child"]) -> None:
    for child in children.values():
        child.end()


@dataclass
class _Child:
    """A process that does one job, and the tasks that it has opened."""

    label: str
    connection: Connection
    process: Any
    progress: Progress
    tasks: dict[int, tuple[AbstractContextManager[Advance], Advance]] = field(
        default_factory=dict
    )

    @classmethod
    def start(
        cls, label: str, progress: Progress, n_threads: int, work: Any, job: Any
    ) -> "_Child":
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        process = context.Process(
            target=_do_job, args=(there, n_threads, work, job), daemon=True
        )
        with _without_main():
            process.start()
        there.close()  # the child alone holds it now, so its end is seen
        return cls(label, here, process, progress)

    def receive(self) -> JobOutcome[Any] | None:
        """Handle one message; return the outcome if it is that."""
        try:
            kind, *content = self.connection.recv()
        except (EOFError, OSError):  # it ended, perhaps within a message
            self.process.join()
            return JobOutcome(error=self._ended())
        if kind == "outcome":
            return JobOutcome(*content)
        if kind == "open":
            number, *task = content
            context = self.progress.task(*task)
            self.tasks[number] = (context, context.__enter__())
        elif kind == "advance":
            number, amount = content
            self.tasks[number][1](amount)
        elif kind == "close":
            self.tasks.pop(content[0])[0].__exit__(None, None, None)
        else:
            self.progress.note(*content)
        return None

    def end(self) -> None:
        """End the process, if it has not ended, and its tasks."""
        self.process.terminate()
        self.process.join()
        self.connection.close()
        while self.tasks:
            _, (context, _) = self.tasks.popitem()
            context.__exit__(None, None, None)

    def _ended(self) -> ConfigError:
        return ConfigError(
            f"the process of {self.label} ended with {self.process.exitcode} before "
            "its work was done; -9 is what a lack of memory looks like. Rerun with "
            "--jobs 1, which resumes it."
        )


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the script that runs here from a process that is started.

    The process would import it, and a script without ``if __name__ == "__main__":``
    would start everything again. A job needs nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _SentProgress:
    """Sends what is reported to the parent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count()

    @contextmanager
    def task(
        self, description: str, total: float | None, unit: str
    ) -> Iterator[Advance]:
        number = next(self._numbers)
        send = self._connection.send
        send(("open", number, description, total, unit))
        yield lambda amount: send(("advance", number, amount))
        send(("close", number))

    def note(self, text: str) -> None:
        self._connection.send(("note", text))

    def chart(self, chart: Any) -> None:
        # One table of curves has no room for several trainings.
        self.note(chart.line)


def _do_job(
    connection: Connection,
    n_threads: int,
    work: Callable[[Job, Progress], Result],
    job: Job,
) -> None:
    """Do a job in a fresh process, and send its outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in _THREADS:
        os.environ.setdefault(name, str(n_threads))
    outcome = _outcome(work, job, _SentProgress(connection))
    error = outcome.error
    if error is not None and not isinstance(error, PipelineError):
        # Its traceback does not travel, and a class of a library may not either.
        text = "".join(traceback.format_exception(error))
        outcome = replace(outcome, error=RuntimeError(text))
    connection.send(("outcome", outcome.result, outcome.error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
