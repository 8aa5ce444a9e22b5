"""Retries with jitter until a deadline, on an injected clock."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NoReturn, TypeVar, cast

import httpx
from tenacity import RetryCallState, Retrying, retry_if_result, wait_random_exponential

from numerai_pipeline.core import Clock, TournamentBusy

T = TypeVar("T")

# Python prints the warnings of an unconfigured logger on stderr, where a user waiting
# for the command sees them.
_log = logging.getLogger("numerai_pipeline.tournament")

# Full jitter: the n-th wait is drawn from [0, 2^n] seconds, at most 30, so that the
# clients of a round that opened a minute ago do not retry at the same moment.
_JITTER = wait_random_exponential(multiplier=1, max=30)

# More than a day is past every deadline anyway.
_LONGEST_WAIT_SECONDS = 86_400
_MOST_DIGITS = 10

# A date in another century is a server error, not the time.
_CENTURY = 20

# Worth retrying: timeout, too early, too many requests, and all 5xx.
_RETRIED = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Failure:
    """A failed try that is worth retrying.

    Attributes:
        cause: what happened, for the error message after the last try.
        wait_seconds: minimum wait that the server asked for; 0 if it did not.
    """

    cause: str
    wait_seconds: float = 0.0


class Deadline:
    """The time limit that all tries of one call share.

    >>> from numerai_pipeline.core import SystemClock
    >>> Deadline(SystemClock(), seconds=1).retry_until(lambda: 42, busy="No response.")
    42
    """

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._start = clock.now()
        self._until = self._start + timedelta(seconds=seconds)

    @property
    def has_passed(self) -> bool:
        """Whether the deadline has passed."""
        return self._clock.now() >= self._until

    def retry_until(self, attempt: Callable[[], T | Failure], *, busy: str) -> T:
        """Call ``attempt`` until it returns something other than a ``Failure``.

        Args:
            attempt: one try; exceptions are not retried.
            busy: sentences for the error: what failed and what to do.

        Raises:
            TournamentBusy: if the next try would come after the deadline.
        """

        def give_up(state: RetryCallState) -> NoReturn:
            n_tries, cause = state.attempt_number, _failure(state).cause
            seconds = (self._clock.now() - self._start).total_seconds()
            raise TournamentBusy(
                f"{busy} Tried once: {cause}."
                if n_tries == 1
                else f"{busy} Tried {n_tries} times in {seconds:.0f} s; "
                f"the last time: {cause}."
            )

        def warn(state: RetryCallState) -> None:
            left = (self._until - self._clock.now()).total_seconds()
            _log.warning(
                "%s; next try in %.0f s, %.0f s left",
                _failure(state).cause,
                state.upcoming_sleep,
                left,
            )

        retrying = Retrying(
            sleep=self._clock.sleep,
            before_sleep=warn,
            retry=retry_if_result(lambda result: isinstance(result, Failure)),
            wait=lambda state: max(_JITTER(state), _failure(state).wait_seconds),
            stop=self._comes_too_late,
            retry_error_callback=give_up,
        )
        return cast(T, retrying(attempt))

    def _comes_too_late(self, state: RetryCallState) -> bool:
        return self._clock.now() + timedelta(seconds=state.upcoming_sleep) > self._until


def failure_of_status(
    status: int, headers: Mapping[str, str], now: datetime
) -> Failure | None:
    """Return the failure for an HTTP status, None if the status is not worth retrying.

    Args:
        status: of the response.
        headers: of the response; ``Retry-After`` in seconds or as a date is honoured.
        now: the current time, for a ``Retry-After`` date.
    """
    if status not in _RETRIED and status < 500:
        return None
    seconds = _retry_after(headers.get("retry-after", ""), now)
    wait = f" (Retry-After: {seconds:,.0f} s)" if seconds else ""
    return Failure(f"HTTP {status}{wait}", seconds)


def failure_of_error(error: httpx.RequestError) -> Failure:
    """Return the failure for a broken connection or a timeout."""
    text = str(error).strip().rstrip(".")
    return Failure(
        f"{type(error).__name__}{_host(error)}{f' ({text})' if text else ''}"
    )


def _host(error: httpx.RequestError) -> str:
    """Return the host of a request, without the path, which may contain a secret."""
    try:
        return f" at {error.request.url.host}"
    except RuntimeError:  # raised by httpx if no request is attached
        return ""


def _failure(state: RetryCallState) -> Failure:
    return cast(Failure, state.outcome.result() if state.outcome else None)


def http_date(text: str) -> datetime | None:
    """Parse the date of a header; None if it is not a date of this century."""
    try:
        moment = parsedate_to_datetime(text)
        # HTTP dates are UTC, also without a zone.
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return moment if moment.year // 100 == _CENTURY else None


def _retry_after(value: str, now: datetime) -> float:
    if value.strip().isdecimal():
        # More digits are past every deadline, and int() refuses very many.
        seconds = float(value.strip()[:_MOST_DIGITS])
    else:
        moment = http_date(value)
        seconds = (moment - now).total_seconds() if moment else 0.0
    return min(max(0.0, seconds), _LONGEST_WAIT_SECONDS)
