"""How far a task is, and how long it will still take."""

from collections.abc import Callable

from numerai_pipeline.core import counted, stopwatch

# Before these much of a task is measured, an estimate would be a guess: the first
# step of a network takes as long as hundreds of others.
_LEAST_SECONDS = 3.0
_LEAST_SHARE = 0.05

# Fractions of a unit add up to a whole one but for rounding errors.
_ROUNDING = 1e-6


class Pace:
    """What was done of a task.

    Attributes:
        done: amount, in the task's unit.
    """

    def __init__(
        self,
        total: float | None,
        unit: str,
        now: Callable[[], float] = stopwatch,
    ) -> None:
        """Begin; nothing is done yet.

        Args:
            total: amount of work; None where it is not known.
            unit: its unit, in the plural.
            now: returns seconds.
        """
        self.done = 0.0
        self._total = total
        self._unit = unit
        self._now = now
        self._started = now()
        # When the first step was over, and what was done by then: that of a resumed
        # task took no time, and the first step of a new one too much.
        self._first: tuple[float, float] | None = None

    def advance(self, amount: float) -> None:
        """Add to what was done."""
        self.done += amount
        if self._first is None:
            self._first = (self._now(), self.done)

    @property
    def text(self) -> str:
        """How many whole units are done, such as ``1 epoch``."""
        return counted(int(self.done + _ROUNDING), self._unit)

    @property
    def seconds(self) -> float:
        """How long the task has taken."""
        return self._now() - self._started

    @property
    def seconds_left(self) -> float | None:
        """How long the task will still take; None before that is known."""
        if not self._total or self._first is None:
            return None
        since, first = self._first
        seconds, measured = self._now() - since, self.done - first
        if seconds < _LEAST_SECONDS or measured < _LEAST_SHARE * (self._total - first):
            return None
        return seconds * max(0.0, self._total - self.done) / measured
