"""Time that is passed in, so that a month can pass in a test.

``datetime.now``, ``time.sleep`` and ``time.monotonic`` occur in this file alone.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

# How Numerai writes a moment, and the only way this product writes one.
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Clock(Protocol):
    """Returns the time in UTC and waits."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` have passed on this clock."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for ``seconds``."""
        time.sleep(max(0.0, seconds))


class VirtualClock:
    """A clock that stands still until it is moved.

    >>> clock = VirtualClock(datetime(2026, 11, 24, 12, 5, tzinfo=UTC))
    >>> clock.sleep(60)
    >>> format_time(clock.now())
    '2026-11-24T12:06:00Z'
    """

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the moment to which the clock was last moved."""
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        """Move the clock forward by ``seconds`` and return at once."""
        with self._lock:
            self._now += timedelta(seconds=max(0.0, seconds))

    def move_to(self, moment: datetime) -> None:
        """Set the clock to ``moment``; it never goes back.

        Raises:
            ValueError: if ``moment`` lies before the present one.
        """
        with self._lock:
            if moment < self._now:
                raise ValueError(f"a clock does not go back to {moment}")
            self._now = moment.astimezone(UTC)


def format_time(moment: datetime) -> str:
    """Write a moment as Numerai does, in UTC with whole seconds."""
    return moment.astimezone(UTC).strftime(TIME_FORMAT)


def parse_time(text: str) -> datetime:
    """Read what ``format_time`` wrote; any ISO 8601 text with a zone is accepted.

    Raises:
        ValueError: if the text is not a time or has no zone.

    >>> parse_time("2026-11-24T12:05:00Z").hour
    12
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2026-11-24T12:05Z")
    return moment.astimezone(UTC)


def stopwatch() -> float:
    """Return seconds on a clock that never jumps; only differences mean something."""
    return time.monotonic()
