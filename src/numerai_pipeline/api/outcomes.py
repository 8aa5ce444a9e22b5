"""The outcome of a command per model: one failure does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from numerai_pipeline.api.results import Result, html_of, plain
from numerai_pipeline.core import explain

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The outcome for one model: a result or an error.

    Attributes:
        name: the model's name.
        result: None if it failed.
        error: None if it did not.
    """

    name: str
    result: T | None = None
    error: Exception | None = None

    def get(self) -> T:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]

    def error_dict(self) -> dict[str, Any]:
        """Return the error for JSON."""
        if self.error is None:
            return {}
        code, sentence = explain(self.error)
        return {"name": self.name, "error": sentence, "exit_code": code}


class Outcomes(Result, Generic[T]):
    """The outcome of each model, in the order of the names.

    A command with a single model raises its error; with several, each has its outcome
    here. ``outcomes["mlp"]`` and iteration raise the error of a model that failed.
    """

    def __init__(self, outcomes: Sequence[Outcome[T]]) -> None:
        self.outcomes = tuple(outcomes)

    @property
    def results(self) -> dict[str, T]:
        """The results of the models that did not fail, by name."""
        return {one.name: one.get() for one in self.outcomes if one.error is None}

    @property
    def errors(self) -> dict[str, Exception]:
        """The errors of the models that failed, by name."""
        return {one.name: one.error for one in self.outcomes if one.error}

    @property
    def exit_code(self) -> int:
        """The highest exit code of all errors; 0 if there is none."""
        return max((explain(error)[0] for error in self.errors.values()), default=0)

    def __getitem__(self, name: str) -> T:
        for one in self.outcomes:
            if one.name == name:
                return one.get()
        raise KeyError(name)

    def __iter__(self) -> Iterator[T]:
        return (one.get() for one in self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    def to_dict(self) -> Any:
        """Return a list with one entry per model; a failed one says why."""
        return [one.error_dict() or self._record_of(one.get()) for one in self.outcomes]

    def _record_of(self, result: T) -> Any:
        return plain(result)

    def _repr_html_(self) -> str:
        failed = (f"<p>{escape(line)}</p>" for line in self._failed)
        return html_of(self._shown) + "".join(failed)

    def __repr__(self) -> str:
        return "\n".join([repr(self._shown), *self._failed])

    @property
    def _shown(self) -> "pd.DataFrame":
        """What a notebook shows."""
        return self.table

    @property
    def _failed(self) -> list[str]:
        return [f"{name}: {explain(error)[1]}" for name, error in self.errors.items()]


def each(names: Sequence[str], work: Callable[[str], T]) -> list[Outcome[T]]:
    """Do the work for each name, even if others fail.

    Raises:
        Exception: what the work raised, if there is only one name.
    """
    outcomes: list[Outcome[T]] = []
    for name in names:
        with outcome_of(name, outcomes, is_only=len(names) == 1) as finish:
            finish(work(name))
    return outcomes


@contextmanager
def outcome_of(
    name: str, outcomes: list[Outcome[T]], *, is_only: bool
) -> Iterator[Callable[[T], None]]:
    """Add the outcome of a model: what ``finish`` is called with, or the error raised.

    Args:
        name: the model's name.
        outcomes: where to add it.
        is_only: whether it is the only model, so that its error is raised.
    """
    try:
        yield lambda result: outcomes.append(Outcome(name, result=result))
    except Exception as error:  # the other models' receipts must reach the caller
        if is_only:
            raise
        outcomes.append(Outcome(name, error=error))
