"""The ``Tournament`` that is Numerai's, or a simulator that speaks like it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from numerai_pipeline.core import (
    Clock,
    TournamentRefused,
    TournamentSettings,
    did_you_mean,
    format_time,
)
from numerai_pipeline.tournament import documents
from numerai_pipeline.tournament.access import resolve_access
from numerai_pipeline.tournament.patience import Failure, Patience
from numerai_pipeline.tournament.protocol import (
    NoOpenRound,
    Round,
    RoundScore,
    Submission,
    Tournament,
)
from numerai_pipeline.tournament.wire import Wire

if TYPE_CHECKING:
    from numerai_pipeline.tournament.client import Client

# Numerai Classic; 11 is Signals, 12 is Crypto.
_TOURNAMENT = 8

_NEXT_ROUND = (
    "Rerun when the next round is open, usually Tuesday to Saturday from 12:00 UTC."
)


def connect(
    settings: TournamentSettings, *, clock: Clock, environ: Mapping[str, str]
) -> Tournament:
    """Return the tournament of the settings; nothing is asked of it yet.

    Args:
        settings: ``[tournament]`` of ``numerai.toml``.
        clock: waits between tries, and knows when the deadline has passed.
        environ: ``NUMERAI_API_URL`` overrides the URL; ``NUMERAI_PUBLIC_ID`` and
            ``NUMERAI_SECRET_KEY`` are the keys, not read in simulated mode;
            ``TRIGGER_ID`` is sent back with a submission that a webhook asked for.

    Raises:
        ConfigError: if URL, mode and keys do not fit together.
    """
    wire = Wire(
        resolve_access(settings, environ),
        clock,
        timeout_seconds=settings.timeout_seconds,
        deadline_seconds=settings.deadline_seconds,
    )
    return NumeraiTournament(wire, trigger_id=environ.get("TRIGGER_ID"))


class NumeraiTournament:
    """Keeps the ``Tournament`` protocol."""

    def __init__(self, wire: Wire, *, trigger_id: str | None) -> None:
        self._wire = wire
        self._trigger_id = trigger_id

    @property
    def host(self) -> str:
        """Name of the machine that answers."""
        return self._wire.access.host

    def current_round(self) -> Round:
        """Return the round that is open; refused while none is."""
        try:
            data = self._wire.ask(
                documents.CURRENT_ROUND, {"tournament": _TOURNAMENT}, needs_keys=False
            )
        except TournamentRefused as error:
            if "not open" not in str(error):
                raise
            raise NoOpenRound(
                f"No round is open: {self.host} has no current round. {_NEXT_ROUND}"
            ) from None
        with self._understood("the current round"):
            rounds = [_round(item) for item in data["rounds"] if item]
        if not rounds:
            raise NoOpenRound(
                f"No round is open: {self.host} lists none. {_NEXT_ROUND}"
            )
        found, now = rounds[0], self._wire.now()
        if now < found.opens:
            raise NoOpenRound(
                f"No round is open: round {found.number} opens at "
                f"{format_time(found.opens)}, and it is {format_time(now)}. Rerun then."
            )
        if not found.is_open_at(now):
            raise NoOpenRound(
                f"No round is open: round {found.number} closed at "
                f"{format_time(found.closes)}, and it is {format_time(now)}. "
                f"{_NEXT_ROUND}"
            )
        return found

    def list_files(self) -> list[str]:
        """Return the names of all data files, such as ``v5.3/train.parquet``."""
        with self._understood("the list of files"):
            return [str(name) for name in self._client.list_datasets()]

    def file_url(self, filename: str, round_number: int | None = None) -> str:
        """Return a URL from which a data file can be fetched for a while."""
        data = self._wire.ask(
            documents.FILE_URL,
            {"filename": filename, "round": round_number, "tournament": _TOURNAMENT},
            needs_keys=False,
        )
        url = data.get("dataset")
        if url is None:
            hint = did_you_mean(filename, self.list_files())
            raise TournamentRefused(f"{self.host} has no file '{filename}'. {hint}")
        return self._wire.access.check_answered_url(url, purpose=filename)

    def models(self) -> dict[str, str]:
        """Return the account's models, name to id."""
        with self._understood("the list of models"):
            return {str(k): str(v) for k, v in self._client.get_models().items()}

    def submissions(self, model_id: str) -> list[Submission]:
        """Return a model's submissions, latest first."""
        return self._submissions(model_id, self._wire.patience())

    def upload(self, model_id: str, filename: str, content: bytes) -> str:
        """Store predictions and return the name that the tournament gave them.

        Each try asks for a slot of its own: half an upload blocks nothing.
        """
        patience = self._wire.patience()

        def attempt() -> str | Failure:
            name, url = self._slot(model_id, filename, patience)
            return self._wire.put(url, content, patience) or name

        return patience.spend_on(attempt, busy=self._wire.busy)

    def submit(self, model_id: str, uploaded: str, round_number: int) -> Submission:
        """Make an upload the model's submission, at most once."""
        patience = self._wire.patience()
        creation = _Creation(
            find=lambda id_: self._find(model_id, uploaded, id_, patience),
            create=lambda: self._create(model_id, uploaded, patience),
        )
        found = patience.spend_on(creation.advance, busy=self._wire.busy)
        if found.round_number != round_number:
            raise TournamentRefused(
                f"{self.host} filed submission {found.id} under round "
                f"{found.round_number}, but it was made for round {round_number}. "
                "Download the open round's live data, predict and submit again."
            )
        return found

    def scores(self, model_id: str) -> list[RoundScore]:
        """Return all scores of a model, by round, day and name."""
        with self._understood("the scores"):
            scores = [
                RoundScore(
                    round_number=int(item["roundNumber"]),
                    day=int(item["day"]),
                    name=str(item["displayName"]),
                    value=float(item["value"]),
                    percentile=_number(item["percentile"]),
                    is_resolved=bool(item["resolved"]),
                )
                for item in self._client.submission_scores(model_id)
                if item["value"] is not None
            ]
        return sorted(scores, key=lambda s: (s.round_number, s.day, s.name))

    @cached_property
    def _client(self) -> "Client":
        # numerapi imports pandas; most calls do without it.
        from numerai_pipeline.tournament.client import Client

        return Client(self._wire)

    @contextmanager
    def _understood(self, what: str) -> Iterator[None]:
        try:
            yield
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise TournamentRefused(
                f"{self.host} answered {what} in a form that this version does not "
                f"know ({type(error).__name__}: {error}). Update numerai-pipeline and "
                "numerapi, then rerun."
            ) from None

    def _slot(
        self, model_id: str, filename: str, patience: Patience
    ) -> tuple[str, str]:
        data = self._wire.ask(
            documents.UPLOAD_SLOT,
            {"filename": filename, "tournament": _TOURNAMENT, "modelId": model_id},
            needs_keys=True,
            patience=patience,
        )
        with self._understood("the upload URL"):
            slot = data["submission_upload_auth"]
            name, url = str(slot["filename"]), slot["url"]
        return name, self._wire.access.check_answered_url(url, purpose="the upload")

    def _create(
        self, model_id: str, uploaded: str, patience: Patience
    ) -> str | Failure:
        answer = self._wire.ask_once(
            documents.CREATE_SUBMISSION,
            {
                "filename": uploaded,
                "tournament": _TOURNAMENT,
                "modelId": model_id,
                "triggerId": self._trigger_id,
            },
            needs_keys=True,
            patience=patience,
        )
        if isinstance(answer, Failure):
            return answer
        with self._understood("the new submission"):
            return str(answer["create_submission"]["id"])

    def _find(
        self, model_id: str, uploaded: str, id_: str | None, patience: Patience
    ) -> Submission | None:
        name = PurePosixPath(uploaded).name
        for submission in self._submissions(model_id, patience):
            is_it = (
                submission.id == id_ or PurePosixPath(submission.filename).name == name
            )
            if is_it and submission.round_number is not None:
                return submission
        return None

    def _submissions(self, model_id: str, patience: Patience) -> list[Submission]:
        data = self._wire.ask(
            documents.SUBMISSIONS,
            {"modelId": model_id},
            needs_keys=True,
            patience=patience,
        )
        with self._understood("the submissions"):
            placed = {
                item["filename"]: (item["round"]["number"], bool(item["selected"]))
                for item in data["model"]["submissions"]
                if item["round"]
            }
            found = [
                Submission(
                    id=str(item["id"]),
                    filename=str(item["filename"]),
                    round_number=placed.get(item["filename"], (None, False))[0],
                    inserted_at=_moment(item["insertedAt"]),
                    is_selected=placed.get(item["filename"], (None, False))[1],
                )
                for item in data["submissions"]
            ]
        earliest = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda s: s.inserted_at or earliest, reverse=True)


class _Creation:
    """The state of one submit: look, create, look again, until it is listed.

    The mutation is sent again only after its answer was lost, a wait, and a look
    that did not find the submission.
    """

    def __init__(
        self,
        find: Callable[[str | None], Submission | None],
        create: Callable[[], str | Failure],
    ) -> None:
        self._find = find
        self._create = create
        self._id: str | None = None
        self._lost_answer = False

    def advance(self) -> Submission | Failure:
        found = self._look()
        if found is not None:
            return found
        if self._id is None:
            try:
                created = self._create()
            except TournamentRefused:
                # A refusal after a lost answer may mean «there is one already».
                found = self._look() if self._lost_answer else None
                if found is None:
                    raise
                return found
            if isinstance(created, Failure):
                self._lost_answer = True
                return created
            self._id = created
            found = self._look()
        return found or Failure(
            f"submission {self._id} was accepted but is not listed yet"
        )

    def _look(self) -> Submission | Failure | None:
        try:
            return self._find(self._id)
        except TournamentRefused as refusal:
            if self._id is None and not self._lost_answer:
                raise
            # There may be a submission by now: a refusal to show it is no answer.
            return Failure(f"no look at the submissions ({refusal})")


def _round(item: Mapping[str, Any]) -> Round:
    opens = _moment(item["openTime"])
    closes = _moment(item["closeStakingTime"] or item["closeTime"])
    if opens is None or closes is None:
        raise ValueError(f"round {item['number']} has no window")
    return Round(
        number=int(item["number"]),
        opens=opens,
        closes=closes,
        resolves=_moment(item["resolveTime"]),
    )


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    # Numerai writes UTC, in places without the zone.
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
