"""The tournament's time: the machine's, or one that stands still until it is moved."""

import threading
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives the present moment."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until it is moved.

    >>> clock = VirtualClock(datetime(2026, 11, 24, 12, 5, tzinfo=UTC))
    >>> clock.move_to(datetime(2026, 11, 24, 12, 6, tzinfo=UTC))
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
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 moment with a time zone.

    Raises:
        ValueError: if the text is not a moment or has no zone.

    >>> parse_time("2026-11-24T12:05:00Z").hour
    12
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2026-11-24T12:05Z")
    return moment.astimezone(UTC)
