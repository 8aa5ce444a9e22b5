from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_simulator.server.timetable import (
    SCORE_DAYS,
    Timetable,
    day_at,
    day_number,
    first_day_from,
    is_round_day,
)

round_days = st.integers(10, 500_000).map(day_at)
moments = st.integers(0, 4_000_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
numbers = st.integers(1, 5_000)


@pytest.mark.parametrize(
    ("opens", "closes", "first_score", "days_to_last"),
    [  # the table of Numerai's timetable, for one week
        ("2026-11-24 12:00", "2026-11-24 13:00", "2026-11-28", 31),
        ("2026-11-25 12:00", "2026-11-25 13:00", "2026-12-01", 31),
        ("2026-11-26 12:00", "2026-11-26 13:00", "2026-12-02", 33),
        ("2026-11-27 12:00", "2026-11-27 13:00", "2026-12-03", 33),
        ("2026-11-28 12:00", "2026-11-29 14:00", "2026-12-04", 33),
    ],
)
def test_a_week_is_as_numerai_publishes_it(
    opens: str, closes: str, first_score: str, days_to_last: int
) -> None:
    day = date.fromisoformat(opens[:10])
    table = Timetable(7, day)
    assert f"{table.opens(7):%Y-%m-%d %H:%M}" == opens
    assert f"{table.closes(7):%Y-%m-%d %H:%M}" == closes
    assert table.scores(7, 1).date().isoformat() == first_score
    assert table.resolves(7).date() == day + timedelta(days=days_to_last)


@given(day=round_days)
def test_day_numbers_invert(day: date) -> None:
    assert is_round_day(day)
    assert day_at(day_number(day)) == day


@given(day=round_days, number=numbers)
def test_rounds_open_tuesday_to_saturday_and_in_order(day: date, number: int) -> None:
    table = Timetable(1, day)
    opens, closes = table.opens(number), table.closes(number)
    assert opens.strftime("%A") not in ("Sunday", "Monday")
    assert (opens.hour, opens.minute) == (12, 0)
    assert timedelta(hours=1) <= closes - opens <= timedelta(hours=26)
    # A round closes before the next one opens: at most one is open.
    assert closes < table.opens(number + 1)


@given(day=round_days, number=numbers)
def test_scores_come_in_order_and_after_the_next_round_has_opened(
    day: date, number: int
) -> None:
    table = Timetable(1, day)
    days = [table.scores(number, k) for k in range(1, SCORE_DAYS + 1)]
    assert days == sorted(set(days))
    assert days[0] > table.opens(number + 1)
    assert days[-1] == table.resolves(number)
    assert all(is_round_day(moment.date()) for moment in days)
    # The k-th score comes on the (k+3)-th round day after the opening.
    opened = table.opens(number).date()
    for k, moment in enumerate(days, start=1):
        between = [
            opened + timedelta(days=step)
            for step in range(1, (moment.date() - opened).days + 1)
        ]
        assert sum(is_round_day(each) for each in between) == k + 3


@given(moment=moments, day=round_days)
def test_the_latest_round_is_the_last_that_opened(moment: datetime, day: date) -> None:
    table = Timetable(1, day)
    latest = table.latest_opened(moment)
    assert table.opens(latest) <= moment < table.opens(latest + 1)
    assert table.next_opening(moment) == table.opens(latest + 1)


@given(moment=moments)
def test_a_season_starts_with_the_open_round_or_the_next(moment: datetime) -> None:
    table = Timetable(50, first_day_from(moment))
    assert table.closes(50) > moment
    assert table.closes(49) <= moment
