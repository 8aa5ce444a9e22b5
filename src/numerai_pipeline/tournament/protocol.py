"""What the product needs of a tournament, and nothing more.

Rooms that talk to the tournament are handed something that keeps this protocol;
they never learn what is behind it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from numerai_pipeline.core import TournamentRefused


class NoOpenRound(TournamentRefused):
    """No round takes submissions at present."""


@dataclass(frozen=True)
class Round:
    """A round and its window for submissions; all times aware, in UTC."""

    number: int
    opens: datetime
    closes: datetime
    resolves: datetime | None

    def is_open_at(self, moment: datetime) -> bool:
        """Tell whether a submission at ``moment`` is in time."""
        return self.opens <= moment < self.closes


@dataclass(frozen=True)
class Submission:
    """A submission as the tournament lists it.

    Attributes:
        id: its id.
        filename: the name that the upload was given.
        round_number: the round that it was filed under; None: not known yet.
        inserted_at: when it came.
        is_selected: whether it is the one that counts; None: not known yet.
    """

    id: str
    filename: str
    round_number: int | None
    inserted_at: datetime | None
    is_selected: bool | None


@dataclass(frozen=True)
class RoundScore:
    """One score of one submission on one score day."""

    round_number: int
    day: int
    name: str
    value: float
    percentile: float | None
    is_resolved: bool


class Tournament(Protocol):
    """The calls that the product makes.

    Every call raises ``TournamentRefused`` when the answer is no,
    ``TournamentBusy`` when there was no answer before the deadline.
    """

    @property
    def host(self) -> str:
        """Name of the machine that answers, such as ``api-tournament.numer.ai``."""
        ...

    @property
    def address(self) -> str:
        """Host and port: what no other tournament has."""
        ...

    def current_round(self) -> Round:
        """Return the round that is open; refused while none is."""
        ...

    def find_round(self, number: int) -> Round | None:
        """Return a round by its number, open or not; None if it is not listed."""
        ...

    def list_files(self) -> list[str]:
        """Return the names of all data files, such as ``v5.3/train.parquet``."""
        ...

    def file_url(self, filename: str, round_number: int | None = None) -> str:
        """Return a URL from which a data file can be fetched for a while.

        Args:
            filename: as ``list_files`` names it.
            round_number: the round whose file is meant; None means the latest.
        """
        ...

    def models(self) -> dict[str, str]:
        """Return the account's models, name to id."""
        ...

    def submissions(self, model_id: str) -> list[Submission]:
        """Return a model's submissions, latest first."""
        ...

    def upload(self, model_id: str, filename: str, content: bytes) -> str:
        """Store predictions and return the name that the tournament gave them.

        Nothing is submitted yet: an upload that no ``submit`` follows is void.
        """
        ...

    def find_submission(
        self,
        model_id: str,
        *,
        uploaded: str | None,
        submission_id: str | None = None,
        seconds: float,
    ) -> Submission | None:
        """Look for a submission, again and again while it is not listed.

        Args:
            model_id: id of the model.
            uploaded: name that ``upload`` returned.
            submission_id: id of the submission, if it is known.
            seconds: how long it must be absent to be called absent.

        Returns:
            None if it was not listed each time.
        """
        ...

    def submit(self, model_id: str, uploaded: str, closes: datetime) -> Submission:
        """Make an upload the model's submission, at most once.

        Looks for a submission of this upload before it creates one. After every
        answer that does not name the new submission it looks again and again before
        it decides; what it returns was listed.

        Args:
            model_id: id of the model.
            uploaded: name that ``upload`` returned.
            closes: nothing is created at or after this moment.

        Returns:
            The submission, whichever round it was filed under.

        Raises:
            TournamentRefused: if the tournament said no and the submission does not
                exist.
            TournamentBusy: if it is not known whether it exists.
        """
        ...

    def scores(self, model_id: str) -> list[RoundScore]:
        """Return all scores of a model, by round, day and name."""
        ...
