"""Trying again: until a deadline, spread by jitter, on the clock handed in."""

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

# Python prints warnings of a logger that nobody has set up on stderr, which is where
# somebody who waits for the command looks.
_log = logging.getLogger("numerai_pipeline.tournament")

# Full jitter: the n-th wait is drawn from [0, 2^n] seconds, at most 30, so that
# everyone whose round opened at the same minute does not come back together.
_JITTER = wait_random_exponential(multiplier=1, max=30)

# A server that asks for more than a day is past every deadline anyway.
_LONGEST_WAIT_SECONDS = 86_400
_MOST_DIGITS = 10

# A date of another century is a mistake of the server's, not the time.
_CENTURY = 20

# Answers that say "later": timeout, too early, too many requests, and all 5xx.
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Failure:
    """A try that may go better the next time.

    Attributes:
        cause: what happened, for the error after the last try.
        wait_seconds: the least time to wait, where the server asked for one.
    """

    cause: str
    wait_seconds: float = 0.0


class Patience:
    """The time that all tries of one call have together.

    >>> from numerai_pipeline.core import SystemClock
    >>> Patience(SystemClock(), seconds=1).spend_on(lambda: 42, busy="No answer.")
    42
    """

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._start = clock.now()
        self._until = self._start + timedelta(seconds=seconds)

    @property
    def is_over(self) -> bool:
        """Tell whether the deadline has passed."""
        return self._clock.now() >= self._until

    def spend_on(self, attempt: Callable[[], T | Failure], *, busy: str) -> T:
        """Call ``attempt`` until it returns something that is no ``Failure``.

        Args:
            attempt: one try; what it raises is raised at once.
            busy: sentences for the error: what did not work and what to do.

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

        def tell(state: RetryCallState) -> None:
            left = (self._until - self._clock.now()).total_seconds()
            _log.warning(
                "%s; next try in %.0f s, %.0f s left",
                _failure(state).cause,
                state.upcoming_sleep,
                left,
            )

        retrying = Retrying(
            sleep=self._clock.sleep,
            before_sleep=tell,
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
    """Return the failure that an HTTP status means, None where it is not «later».

    Args:
        status: of the answer.
        headers: of the answer; ``Retry-After`` in seconds or as a date is honoured.
        now: the present moment, for a date.
    """
    if status not in _LATER and status < 500:
        return None
    seconds = _retry_after(headers.get("retry-after", ""), now)
    asked = f" and the wish to wait {seconds:,.0f} s" if seconds else ""
    return Failure(f"an answer HTTP {status}{asked}", seconds)


def failure_of_error(error: httpx.RequestError) -> Failure:
    """Return the failure that a broken connection or a timeout means."""
    text = str(error).strip().rstrip(".")
    return Failure(
        f"{type(error).__name__}{_host(error)}{f' ({text})' if text else ''}"
    )


def _host(error: httpx.RequestError) -> str:
    """Name whom a request went to, without its path, which can hold a secret."""
    try:
        return f" at {error.request.url.host}"
    except RuntimeError:  # what httpx raises where it knows no request
        return ""


def _failure(state: RetryCallState) -> Failure:
    return cast(Failure, state.outcome.result() if state.outcome else None)


def http_date(text: str) -> datetime | None:
    """Read the date of a header; None where it is not one, or not of this century."""
    try:
        moment = parsedate_to_datetime(text)
        # Without a zone it is UTC: HTTP has no other.
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return moment if moment.year // 100 == _CENTURY else None


def _retry_after(value: str, now: datetime) -> float:
    if value.strip().isdecimal():
        # More digits than this are past every deadline; int() refuses very many.
        seconds = float(value.strip()[:_MOST_DIGITS])
    else:
        moment = http_date(value)
        seconds = (moment - now).total_seconds() if moment else 0.0
    return min(max(0.0, seconds), _LONGEST_WAIT_SECONDS)
