"""``Tournament`` over Numerai's GraphQL API, or a simulator of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from numerai_pipeline.core import (
    Clock,
    ConfigError,
    TournamentRefused,
    TournamentSettings,
    did_you_mean,
    format_time,
    printable,
)
from numerai_pipeline.tournament import documents
from numerai_pipeline.tournament.access import resolve_access
from numerai_pipeline.tournament.deadline import Deadline, Failure
from numerai_pipeline.tournament.graphql import GraphQLClient, GraphQLErrors
from numerai_pipeline.tournament.protocol import (
    NoOpenRound,
    Round,
    RoundScore,
    Submission,
    Tournament,
)

if TYPE_CHECKING:
    from numerai_pipeline.tournament.numerapi_client import NumerapiClient

# Numerai Classic; 11 is Signals, 12 is Crypto.
_TOURNAMENT = 8

# Numerai's message for a closed round. Any other error may be temporary.
_CLOSED = "Current round not open for submissions"

# A submission is listed within seconds of its creation. Until then its absence proves
# nothing, and a second create could make a second submission.
_SETTLE_SECONDS = 30

# The largest number that every database can store.
_MOST_ROUNDS = 2**31

_NEXT_ROUND = (
    "Rerun when the next round is open, usually Tuesday to Saturday from 12:00 UTC."
)


def connect(
    settings: TournamentSettings, *, clock: Clock, environ: Mapping[str, str]
) -> Tournament:
    """Return the tournament that the settings select, without sending a request.

    Args:
        settings: ``[tournament]`` of ``numerai.toml``.
        clock: for deadlines and the waits between retries.
        environ: ``NUMERAI_API_URL`` overrides the URL; ``NUMERAI_PUBLIC_ID`` and
            ``NUMERAI_SECRET_KEY`` are the keys, not read in simulated mode;
            ``TRIGGER_ID`` of a webhook call is returned with its submission.

    Raises:
        ConfigError: if URL, mode and keys are inconsistent, or the trigger is invalid.
    """
    graphql = GraphQLClient(
        resolve_access(settings, environ),
        clock,
        timeout_seconds=settings.timeout_seconds,
        deadline_seconds=settings.deadline_seconds,
    )
    trigger_id = environ.get("TRIGGER_ID")
    if trigger_id is not None and printable(trigger_id) != trigger_id:
        raise ConfigError(
            "TRIGGER_ID contains characters that no trigger id has. Export the id from "
            "the webhook call, or unset it."
        )
    return NumeraiTournament(graphql, trigger_id=trigger_id)


class NumeraiTournament:
    """Implements the ``Tournament`` protocol."""

    def __init__(self, graphql: GraphQLClient, *, trigger_id: str | None) -> None:
        self._graphql = graphql
        self._trigger_id = trigger_id

    @property
    def host(self) -> str:
        """Name of the host."""
        return self._graphql.access.host

    @property
    def address(self) -> str:
        """Host and port."""
        return self._graphql.access.address

    def current_round(self) -> Round:
        """Return the open round.

        Raises:
            NoOpenRound: if none is open.
        """
        deadline = self._graphql.deadline()
        rounds = deadline.retry_until(
            lambda: self._ask_current(deadline), busy=self._graphql.busy
        )
        if not rounds:
            raise NoOpenRound(
                f"No round is open: {self.host} lists none. {_NEXT_ROUND}"
            )
        found, now = rounds[0], self._graphql.now()
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

    def find_round(self, number: int) -> Round | None:
        """Return a round by its number, open or not; None if it is not listed."""
        data = self._graphql.ask(
            documents.ROUND,
            {"tournament": _TOURNAMENT, "number": number},
            needs_keys=False,
        )
        return next((r for r in self._rounds(data) if r.number == number), None)

    def list_files(self) -> list[str]:
        """Return the names of all data files, such as ``v5.3/train.parquet``."""
        with self._understood("the list of files"):
            return [str(name) for name in self._numerapi.list_datasets()]

    def file_url(self, filename: str, round_number: int | None = None) -> str:
        """Return a temporary download URL of a data file."""
        data = self._graphql.ask(
            documents.FILE_URL,
            {"filename": filename, "round": round_number, "tournament": _TOURNAMENT},
            needs_keys=False,
        )
        url = data.get("dataset")
        if url is None:
            hint = did_you_mean(filename, self.list_files())
            raise TournamentRefused(f"{self.host} has no file '{filename}'. {hint}")
        return self._graphql.access.check_returned_url(url, purpose=filename)

    def models(self) -> dict[str, str]:
        """Return the account's models, name to id."""
        with self._understood("the list of models"):
            return {str(k): str(v) for k, v in self._numerapi.get_models().items()}

    def submissions(self, model_id: str) -> list[Submission]:
        """Return a model's submissions, latest first."""
        return self._submissions(model_id, self._graphql.deadline())

    def upload(self, model_id: str, filename: str, content: bytes) -> str:
        """Store predictions and return the name that the tournament gave them.

        Each try requests a new upload URL, so an incomplete upload has no effect.
        """
        deadline = self._graphql.deadline()

        def attempt() -> str | Failure:
            name, url = self._slot(model_id, filename, deadline)
            return self._graphql.put(url, content, deadline) or name

        return deadline.retry_until(attempt, busy=self._graphql.busy)

    def find_submission(
        self,
        model_id: str,
        *,
        uploaded: str | None,
        submission_id: str | None = None,
        seconds: float,
    ) -> Submission | None:
        """Find a submission, polling while it is not listed."""
        clock = self._graphql.clock
        until = clock.now() + timedelta(seconds=seconds)
        pause = 1.0
        while True:
            found = self._find(
                model_id, uploaded, submission_id, self._graphql.deadline()
            )
            left = (until - clock.now()).total_seconds()
            if found is not None or left <= 0:
                return found
            clock.sleep(min(pause, left))
            pause *= 2

    def submit(self, model_id: str, uploaded: str, closes: datetime) -> Submission:
        """Make an upload the model's submission, at most once."""
        deadline = self._graphql.deadline()
        creation = _Creation(
            find=lambda id_: self._find(model_id, uploaded, id_, deadline),
            create=lambda: self._create(model_id, uploaded, closes, deadline),
            clock=self._graphql.clock,
        )
        return deadline.retry_until(creation.advance, busy=self._graphql.busy)

    def scores(self, model_id: str) -> list[RoundScore]:
        """Return all scores of a model, by round, day and name."""
        with self._understood("the scores"):
            scores = [
                RoundScore(
                    round_number=_round_number(item["roundNumber"]),
                    day=int(item["day"]),
                    name=str(item["displayName"]),
                    value=float(item["value"]),
                    percentile=_number(item["percentile"]),
                    is_resolved=bool(item["resolved"]),
                )
                for item in self._numerapi.submission_scores(model_id)
                if item["value"] is not None
            ]
        return sorted(scores, key=lambda s: (s.round_number, s.day, s.name))

    @cached_property
    def _numerapi(self) -> "NumerapiClient":
        # numerapi imports pandas; most calls do without it.
        from numerai_pipeline.tournament.numerapi_client import NumerapiClient

        return NumerapiClient(self._graphql)

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
                f"{self.host} returned {what} in a format that this version does not "
                f"know ({type(error).__name__}: {error}). Update numerai-pipeline and "
                "numerapi, then rerun."
            ) from None

    def _ask_current(self, deadline: Deadline) -> list[Round] | Failure:
        try:
            data = self._graphql.ask(
                documents.ROUND,
                {"tournament": _TOURNAMENT, "number": 0},
                needs_keys=False,
                deadline=deadline,
            )
        except GraphQLErrors as error:
            if set(error.messages) == {_CLOSED}:
                raise NoOpenRound(
                    f"No round is open: {self.host} has no current round. {_NEXT_ROUND}"
                ) from None
            if error.status >= 300:
                raise
            # The document is valid, so any other error may be temporary.
            return Failure(f"the error {'; '.join(error.messages)!r}")
        return self._rounds(data)

    def _rounds(self, data: Mapping[str, Any]) -> list[Round]:
        with self._understood("the round"):
            return [_round(item) for item in data["rounds"] if item]

    def _slot(
        self, model_id: str, filename: str, deadline: Deadline
    ) -> tuple[str, str]:
        data = self._graphql.ask(
            documents.UPLOAD_SLOT,
            {"filename": filename, "tournament": _TOURNAMENT, "modelId": model_id},
            needs_keys=True,
            deadline=deadline,
        )
        with self._understood("the upload URL"):
            slot = data["submission_upload_auth"]
            name, url = str(slot["filename"]), slot["url"]
        return name, self._graphql.access.check_returned_url(url, purpose="the upload")

    def _create(
        self, model_id: str, uploaded: str, closes: datetime, deadline: Deadline
    ) -> str | Failure:
        now = self._graphql.now()
        if now >= closes:
            raise NoOpenRound(
                f"No round is open: it closed at {format_time(closes)}, and it is "
                f"{format_time(now)}. The predictions came too late and were not "
                f"submitted. {_NEXT_ROUND}"
            )
        response = self._graphql.ask_once(
            documents.CREATE_SUBMISSION,
            {
                "filename": uploaded,
                "tournament": _TOURNAMENT,
                "modelId": model_id,
                "triggerId": self._trigger_id,
            },
            needs_keys=True,
            deadline=deadline,
        )
        if isinstance(response, Failure):
            return response
        created = response.get("create_submission")
        id_ = created.get("id") if isinstance(created, dict) else None
        if not isinstance(id_, str) or not id_:
            return Failure("a response without the id of the new submission")
        return id_

    def _find(
        self,
        model_id: str,
        uploaded: str | None,
        id_: str | None,
        deadline: Deadline,
    ) -> Submission | None:
        name = PurePosixPath(uploaded or "").name
        for submission in self._submissions(model_id, deadline):
            has_name = name and PurePosixPath(submission.filename).name == name
            if has_name or submission.id == id_:
                return submission
        return None

    def _submissions(self, model_id: str, deadline: Deadline) -> list[Submission]:
        data = self._graphql.ask(
            documents.SUBMISSIONS,
            {"modelId": model_id},
            needs_keys=True,
            deadline=deadline,
        )
        with self._understood("the submissions"):
            number_of: dict[str, int] = {}
            is_selected: dict[str, bool] = {}
            for item in data["model"]["submissions"]:
                name = str(item["filename"])
                if item["round"]:
                    number_of[name] = _round_number(item["round"]["number"])
                if item["selected"] is not None:
                    # A file can be listed twice, and one of the two counts.
                    is_selected[name] = is_selected.get(name) or bool(item["selected"])
            found = [
                Submission(
                    id=str(item["id"]),
                    filename=str(item["filename"]),
                    round_number=number_of.get(str(item["filename"])),
                    inserted_at=_moment(item["insertedAt"]),
                    is_selected=is_selected.get(str(item["filename"])),
                )
                for item in data["submissions"]
            ]
        earliest = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda s: s.inserted_at or earliest, reverse=True)


class _Creation:
    """The state of one ``submit``: find, create, find again, until it is listed.

    A create that did not return the id of the new submission may have been executed
    all the same. It counts as refused, or is sent again, only if the submission is not
    listed after the time in which a new one appears.
    """

    def __init__(
        self,
        find: Callable[[str | None], Submission | None],
        create: Callable[[], str | Failure],
        clock: Clock,
    ) -> None:
        self._find = find
        self._create = create
        self._clock = clock
        self._created_at: datetime | None = None
        self._outcome: str | Failure | TournamentRefused | None = None

    def advance(self) -> Submission | Failure:
        found = self._find_new()
        if found is not None:
            return found
        if isinstance(self._outcome, str) or not self._is_settled:
            return self._not_listed()
        if isinstance(self._outcome, TournamentRefused):
            raise self._outcome
        try:
            self._outcome = self._create()
        except NoOpenRound:
            raise
        except TournamentRefused as refusal:
            self._outcome = refusal
        self._created_at = self._clock.now()
        return self._find_new() or self._not_listed()

    @property
    def _is_settled(self) -> bool:
        if self._created_at is None:
            return True
        passed = (self._clock.now() - self._created_at).total_seconds()
        return passed >= _SETTLE_SECONDS

    def _not_listed(self) -> Failure:
        if isinstance(self._outcome, str):
            return Failure(
                f"submission {self._outcome} was accepted but is not listed yet"
            )
        if isinstance(self._outcome, Failure):
            cause = f"{self._outcome.cause}, and the submission is not listed yet"
            return Failure(cause, self._outcome.wait_seconds)
        return Failure("the submission was refused; checking that it does not exist")

    def _find_new(self) -> Submission | Failure | None:
        id_ = self._outcome if isinstance(self._outcome, str) else None
        try:
            found = self._find(id_)
        except TournamentRefused as refusal:
            if self._created_at is None:
                raise
            # There may be a submission by now: this refusal does not rule it out.
            return Failure(f"the submissions could not be read ({refusal})")
        if found is not None and found.round_number is None:
            return Failure(f"submission {found.id} has no round yet")
        if found is not None and found.is_selected is False and not self._is_settled:
            return Failure(f"submission {found.id} is not selected yet")
        return found


def _round(item: Mapping[str, Any]) -> Round:
    opens = _moment(item["openTime"])
    closes = _moment(item["closeStakingTime"] or item["closeTime"])
    if opens is None or closes is None:
        raise ValueError(f"round {item['number']} has no window")
    return Round(
        number=_round_number(item["number"]),
        opens=opens,
        closes=closes,
        resolves=_moment(item["resolveTime"]),
    )


def _round_number(value: int | str) -> int:
    number = int(value)
    if not 0 < number < _MOST_ROUNDS:
        raise ValueError(f"{number} is not the number of a round")
    return number


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    # Numerai writes UTC, in some fields without the zone.
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
