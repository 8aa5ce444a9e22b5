"""The calls to a tournament, as a protocol.

The rest of the program depends on this protocol only, not on an implementation.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from numerai_pipeline.core import TournamentRefused


class NoOpenRound(TournamentRefused):
    """No round is open for submissions."""


@dataclass(frozen=True)
class Round:
    """A round and its submission window; all times aware, in UTC."""

    number: int
    opens: datetime
    closes: datetime
    resolves: datetime | None

    def is_open_at(self, moment: datetime) -> bool:
        """Return whether a submission at ``moment`` is in time."""
        return self.opens <= moment < self.closes


@dataclass(frozen=True)
class Submission:
    """A submission as the tournament lists it.

    Attributes:
        id: its id.
        filename: name that the tournament gave the upload.
        round_number: round that it was filed under; None: not known yet.
        inserted_at: when it was created.
        is_selected: whether it counts for its round; None: not known yet.
    """

    id: str
    filename: str
    round_number: int | None
    inserted_at: datetime | None
    is_selected: bool | None


@dataclass(frozen=True)
class RoundScore:
    """One score of a submission on one scoring day."""

    round_number: int
    day: int
    name: str
    value: float
    percentile: float | None
    is_resolved: bool


class Tournament(Protocol):
    """The calls that the program makes.

    Every call raises ``TournamentRefused`` if the tournament returns an error, and
    ``TournamentBusy`` if it returns no usable response before the deadline.
    """

    @property
    def host(self) -> str:
        """Name of the host, such as ``api-tournament.numer.ai``."""
        ...

    @property
    def address(self) -> str:
        """Host and port, unique to this tournament."""
        ...

    def current_round(self) -> Round:
        """Return the open round.

        Raises:
            NoOpenRound: if none is open.
        """
        ...

    def find_round(self, number: int) -> Round | None:
        """Return a round by its number, open or not; None if it is not listed."""
        ...

    def list_files(self) -> list[str]:
        """Return the names of all data files, such as ``v5.3/train.parquet``."""
        ...

    def file_url(self, filename: str, round_number: int | None = None) -> str:
        """Return a temporary download URL of a data file.

        Args:
            filename: as in ``list_files``.
            round_number: round of the file; None means the latest.
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

        Nothing is submitted yet: an upload without a ``submit`` has no effect.
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
        """Find a submission, polling while it is not listed.

        Args:
            model_id: id of the model.
            uploaded: name that ``upload`` returned.
            submission_id: id of the submission, if it is known.
            seconds: how long to poll before it counts as absent.

        Returns:
            The submission; None if it was never listed.
        """
        ...

    def submit(self, model_id: str, uploaded: str, closes: datetime) -> Submission:
        """Make an upload the model's submission, at most once.

        Creates a submission only if none of this upload is listed. After a response
        without the id of the new submission it polls the list before it decides. The
        submission that it returns was listed.

        Args:
            model_id: id of the model.
            uploaded: name that ``upload`` returned.
            closes: nothing is created at or after this time.

        Returns:
            The submission, whatever round it was filed under.

        Raises:
            TournamentRefused: if the tournament refused and the submission does not
                exist.
            TournamentBusy: if it is unknown whether the submission exists.
        """
        ...

    def scores(self, model_id: str) -> list[RoundScore]:
        """Return all scores of a model, by round, day and name."""
        ...
