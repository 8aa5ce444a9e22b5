"""When rounds open, close, score and resolve.

A round opens on every *round day*, Tuesday to Saturday, at 12:00 UTC, and takes
submissions for an hour, on Saturdays until Sunday 14:00. Scores come on round
days too: the k-th score of a round on the (k+3)-th round day after its opening,
the 20th resolves it. Source: Numerai's published timetable.

Round days are numbered, so that all of this is addition:

>>> [day_number(date(2026, 11, day)) - day_number(date(2026, 11, 24))
...  for day in (24, 25, 28, 29, 30)]  # Tuesday, Wednesday, Saturday, Sunday, Monday
[0, 1, 4, 5, 5]
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

OPENS_AFTER_MIDNIGHT = timedelta(hours=12)
# Numerai names no hour for its scores; an evening hour keeps them apart from
# the opening of the next round on the same day.
SCORES_AFTER_MIDNIGHT = timedelta(hours=20)
WINDOW = timedelta(hours=1)
WEEKEND_WINDOW = timedelta(hours=26)

SCORE_DAYS = 20
# Returns settle and data arrives: three round days pass before the first score.
DAYS_BEFORE_FIRST_SCORE = 3

_ROUND_DAYS_PER_WEEK = 5
_SATURDAY = 5


def day_number(day: date) -> int:
    """Return how many round days lie before ``day`` in the calendar."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)  # 0001-01-01 was a Monday
    return _ROUND_DAYS_PER_WEEK * weeks + min(max(weekday - 1, 0), _ROUND_DAYS_PER_WEEK)


def day_at(number: int) -> date:
    """Return the round day with that number; the inverse of ``day_number``.

    >>> day_at(day_number(date(2026, 11, 24)) + 4).isoformat()
    '2026-11-28'
    """
    weeks, weekday = divmod(number, _ROUND_DAYS_PER_WEEK)
    return date.fromordinal(7 * weeks + weekday + 2)


def is_round_day(day: date) -> bool:
    """Return whether rounds open and scores come on ``day``."""
    return 1 <= day.weekday() <= _SATURDAY


@dataclass(frozen=True)
class Timetable:
    """The dates of all rounds, hung up on one of them.

    Args:
        first_round: number of the first round that takes submissions.
        first_day: the round day on which it opens.

    >>> table = Timetable(100, date(2026, 11, 24))
    >>> table.closes(100).isoformat(), table.scores(100, 1).date().isoformat()
    ('2026-11-24T13:00:00+00:00', '2026-11-28')
    """

    first_round: int
    first_day: date

    def opens(self, number: int) -> datetime:
        """Return the moment from which a round takes submissions."""
        return _midnight(day_at(self._day_number(number))) + OPENS_AFTER_MIDNIGHT

    def closes(self, number: int) -> datetime:
        """Return the moment from which a submission is late."""
        opens = self.opens(number)
        weekend = opens.weekday() == _SATURDAY
        return opens + (WEEKEND_WINDOW if weekend else WINDOW)

    def scores(self, number: int, day: int) -> datetime:
        """Return the moment of a round's score number ``day``, 1 to 20."""
        later = day_at(self._day_number(number) + DAYS_BEFORE_FIRST_SCORE + day)
        return _midnight(later) + SCORES_AFTER_MIDNIGHT

    def resolves(self, number: int) -> datetime:
        """Return the moment of the last score."""
        return self.scores(number, SCORE_DAYS)

    def is_open(self, number: int, moment: datetime) -> bool:
        """Return whether a submission at ``moment`` is in time for a round."""
        return self.opens(number) <= moment < self.closes(number)

    def latest_opened(self, moment: datetime) -> int:
        """Return the number of the round that opened last, at or before ``moment``."""
        opened = (moment - OPENS_AFTER_MIDNIGHT).date() + timedelta(days=1)
        return self.first_round + day_number(opened) - 1 - day_number(self.first_day)

    def next_opening(self, moment: datetime) -> datetime:
        """Return the first opening after ``moment``."""
        return self.opens(self.latest_opened(moment) + 1)

    def _day_number(self, number: int) -> int:
        return day_number(self.first_day) + number - self.first_round


def first_day_from(moment: datetime) -> date:
    """Return the day of the first round of a season that starts at ``moment``.

    That is the day of the round that is open, otherwise of the next one to open.

    >>> first_day_from(datetime(2026, 11, 24, 12, 5, tzinfo=UTC)).isoformat()
    '2026-11-24'
    >>> first_day_from(datetime(2026, 11, 24, 13, 0, tzinfo=UTC)).isoformat()
    '2026-11-25'
    """
    table = Timetable(0, day_at(day_number(moment.date())))
    latest = table.latest_opened(moment)
    number = latest if table.is_open(latest, moment) else latest + 1
    return table.opens(number).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
