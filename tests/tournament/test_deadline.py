"""Trying again: how long, how often, and what is said at the end."""

from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from numerai_pipeline.core import TournamentBusy
from numerai_pipeline.tournament import (
    Deadline,
    Failure,
    failure_of_error,
    failure_of_status,
)


def test_a_good_try_ends_it_without_waiting(clock):
    start = clock.now()
    assert Deadline(clock, seconds=60).retry_until(lambda: "x", busy="Busy.") == "x"
    assert clock.now() == start


def test_failures_are_tried_again_with_waits_on_the_clock(clock):
    start = clock.now()
    outcomes = [Failure("one"), Failure("two"), 7]
    assert (
        Deadline(clock, seconds=600).retry_until(lambda: outcomes.pop(0), busy="") == 7
    )
    assert timedelta(0) < clock.now() - start < timedelta(seconds=3)


def test_after_the_deadline_the_error_says_how_often_and_why(clock):
    start = clock.now()
    tries = []

    def attempt():
        tries.append(clock.now())
        return Failure(f"cause {len(tries)}")

    with pytest.raises(TournamentBusy) as error:
        Deadline(clock, seconds=100).retry_until(attempt, busy="No answer. Try later.")
    assert clock.now() - start <= timedelta(seconds=100)
    seconds = (clock.now() - start).total_seconds()
    assert str(error.value) == (
        f"No answer. Try later. Tried {len(tries)} times in {seconds:.0f} s; "
        f"the last time: cause {len(tries)}."
    )
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_the_waits_are_jittered_and_bounded(clock):
    moments = []

    def attempt():
        moments.append(clock.now())
        return Failure("x")

    with pytest.raises(TournamentBusy):
        Deadline(clock, seconds=3_600).retry_until(attempt, busy="")
    waits = [(b - a).total_seconds() for a, b in pairwise(moments)]
    assert max(waits) <= 30
    assert len(set(waits)) > len(waits) // 2
    assert 150 < len(moments) < 500


def test_what_the_server_asks_for_is_waited(clock):
    start = clock.now()
    outcomes = [Failure("x", wait_seconds=55), 1]
    Deadline(clock, seconds=60).retry_until(lambda: outcomes.pop(0), busy="")
    assert clock.now() - start == timedelta(seconds=55)


def test_a_wish_past_the_deadline_ends_it_at_once(clock):
    start = clock.now()
    with pytest.raises(TournamentBusy, match=r"Tried once: x\."):
        Deadline(clock, seconds=60).retry_until(lambda: Failure("x", 61), busy="")
    assert clock.now() == start


def test_an_error_of_the_try_is_raised_as_it_is(clock):
    with pytest.raises(KeyError):
        Deadline(clock, seconds=60).retry_until(lambda: {}["x"], busy="")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_statuses_that_mean_later(clock, status):
    assert failure_of_status(status, {}, clock.now()) == Failure(f"HTTP {status}")


@pytest.mark.parametrize("status", [200, 206, 301, 400, 401, 403, 404, 416])
def test_statuses_that_do_not(clock, status):
    assert failure_of_status(status, {}, clock.now()) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("Tue, 24 Nov 2026 12:06:00 GMT", 60),
        ("Tue, 24 Nov 2026 12:06:00 -0000", 60),
        ("Tue, 24 Nov 2026 12:04:00 GMT", 0),
        ("99999999999999999999", 86_400),
        ("9" * 5_000, 86_400),
        ("Tue, 24 Nov 99999 12:06:00 GMT", 0),
        ("Tue, 24 Nov 0001 12:06:00 +2359", 0),
        ("Tue, 24 Nov 9999 23:06:00 -2300", 0),
        ("Tue, 24 Nov 99999999999999999999 12:06:00 GMT", 0),
        ("Tue, 24 Nov 2026 12:06:00 +99999999999", 0),
        ("soon", 0),
        ("-5", 0),
        ("inf", 0),
        ("", 0),
    ],
)
def test_retry_after_in_all_its_forms(clock, value, seconds):
    failure = failure_of_status(429, {"retry-after": value}, clock.now())
    assert failure is not None
    assert failure.wait_seconds == seconds


def test_a_broken_connection_names_its_kind():
    assert failure_of_error(httpx.ReadTimeout("timed out.")) == Failure(
        "ReadTimeout (timed out)"
    )
    assert failure_of_error(httpx.ConnectError("")) == Failure("ConnectError")


def test_a_broken_connection_names_the_host_and_no_path():
    request = httpx.Request("PUT", "https://numer.ai/uploads/secret")
    assert failure_of_error(
        httpx.ConnectError("Name or service not known", request=request)
    ) == Failure("ConnectError at numer.ai (Name or service not known)")


def test_whoever_waits_is_told_why_and_for_how_long(clock, caplog):
    answers = iter([Failure("HTTP 503", 7), "done"])
    deadline = Deadline(clock, seconds=60)
    assert deadline.retry_until(lambda: next(answers), busy="No answer.") == "done"
    assert caplog.messages == ["HTTP 503; next try in 7 s, 60 s left"]
