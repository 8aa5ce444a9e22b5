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
    """A submission as the tournament lists it."""

    id: str
    filename: str
    round_number: int | None
    inserted_at: datetime | None
    is_selected: bool


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

    def current_round(self) -> Round:
        """Return the round that is open; refused while none is."""
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

    def submit(self, model_id: str, uploaded: str, round_number: int) -> Submission:
        """Make an upload the model's submission, at most once.

        Looks for a submission of this upload before it creates one, after every
        answer that was lost, and reads it back at the end.

        Args:
            model_id: id of the model.
            uploaded: name that ``upload`` returned.
            round_number: round that the predictions are for.

        Raises:
            TournamentRefused: if it was filed under another round.
        """
        ...

    def scores(self, model_id: str) -> list[RoundScore]:
        """Return all scores of a model, by round, day and name."""
        ...
