from datetime import UTC, datetime, timedelta, timezone

import pytest

from numerai_pipeline.core import (
    SystemClock,
    VirtualClock,
    format_time,
    parse_time,
)


def test_a_virtual_clock_moves_by_sleeping() -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.sleep(86_400 * 31)
    assert clock.now() == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_virtual_clock_never_goes_back() -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.sleep(-5)
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    clock.move_to(datetime(2026, 1, 2, tzinfo=UTC))
    with pytest.raises(ValueError, match="does not go back"):
        clock.move_to(datetime(2026, 1, 1, tzinfo=UTC))


def test_times_are_written_in_utc_and_read_back() -> None:
    moment = datetime(2026, 11, 24, 14, 5, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(moment) == "2026-11-24T12:05:00Z"
    assert parse_time(format_time(moment)) == moment
    with pytest.raises(ValueError, match="no time zone"):
        parse_time("2026-11-24T12:05:00")


def test_the_system_clock_is_aware() -> None:
    clock = SystemClock()
    clock.sleep(0)
    assert clock.now().utcoffset() == timedelta(0)
