"""The ledger: every intent, upload and confirmation, in a database.

An attempt is one row, with these states:

```
intent -> uploaded -> confirmed -> replaced    a later attempt took its place
                                -> elsewhere   it counts, but the model was since
                                               submitted as another Numerai model
                   -> late                     listed, but created after the close
                   -> unselected               listed, but another submission counts
                   -> refused                  it does not exist
intent -> refused
```
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, get_type_hints

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from numerai_pipeline.core import DataError, format_time, parse_time, printable
from numerai_pipeline.submission.database import (
    attempts,
    has_openings,
    holds_ledger,
    open_engine,
    openings,
    parse_url,
    prepare,
)

# States of a submission that Numerai has and that no later one in the ledger replaced.
STANDING = frozenset({"confirmed", "late", "unselected", "elsewhere"})
_STATES = STANDING | {"intent", "uploaded", "replaced", "refused"}


@dataclass(frozen=True)
class Attempt:
    """What to submit where; the same attempt is never made twice.

    Attributes:
        tournament: host name of the tournament.
        round_number: round of the predictions.
        model: name of the model here.
        numerai_name: name of the model at Numerai.
        sha256: of the predictions file, hex.
        n_rows: number of predictions.
    """

    tournament: str
    round_number: int
    model: str
    numerai_name: str
    sha256: str
    n_rows: int


@dataclass(frozen=True)
class LedgerRow(Attempt):
    """An attempt and its state; all times aware, in UTC."""

    id: int
    model_id: str
    state: str
    uploaded: str | None
    submission_id: str | None
    reason: str | None
    intended_at: datetime
    uploaded_at: datetime | None
    confirmed_at: datetime | None
    refused_at: datetime | None

    @property
    def attempt(self) -> Attempt:
        """The attempt without its state."""
        return Attempt(**{f.name: getattr(self, f.name) for f in fields(Attempt)})

    @property
    def at(self) -> datetime:
        """When the row reached its state."""
        return (
            self.refused_at or self.confirmed_at or self.uploaded_at or self.intended_at
        )

    @property
    def is_unfinished(self) -> bool:
        """Whether a process was stopped during the attempt."""
        return self.state in ("intent", "uploaded")


@dataclass(frozen=True)
class Opening:
    """A time that the eras of the lockbox were scored.

    Attributes:
        model: the model that was scored.
        run: its run.
        eras: the eras, as ranges.
        opened_at: when, aware, in UTC.
    """

    model: str
    run: str
    eras: str
    opened_at: datetime


_TYPES = get_type_hints(LedgerRow)


class Ledger:
    """The ledger at a SQLAlchemy URL; created if it is missing.

    >>> folder = getfixture("tmp_path")
    >>> Ledger(f"sqlite:///{folder}/ledger.sqlite").rows()
    []
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """Open the ledger.

        Args:
            url: of the database.
            read_only: create and change nothing; a missing ledger is empty.

        Raises:
            ConfigError: if the URL does not name a usable database.
            DataError: if the database is broken, is not a ledger, or is newer.
        """
        parsed = parse_url(url)
        self._is_file = parsed.get_backend_name() == "sqlite"
        self._name = (
            str(parsed.database) if self._is_file else parsed.render_as_string()
        )
        self._engine = open_engine(parsed, read_only=read_only)
        self._is_empty = read_only and self._is_file and not Path(self._name).exists()
        if self._is_empty:
            return
        with self._transaction() as connection:
            if not read_only:
                prepare(connection, self._name)
            else:
                self._is_empty = not holds_ledger(connection, self._name)

    def intend(self, attempt: Attempt, model_id: str, at: datetime) -> LedgerRow:
        """Record an attempt before anything is sent."""
        values = {f.name: getattr(attempt, f.name) for f in fields(Attempt)}
        with self._transaction() as connection:
            row_id = connection.execute(
                insert(attempts)
                .values(
                    **values,
                    model_id=model_id,
                    state="intent",
                    intended_at=format_time(at),
                )
                .returning(attempts.c.id)
            ).scalar_one()
            return _row(connection, row_id)

    def mark_uploaded(self, row_id: int, uploaded: str, at: datetime) -> LedgerRow:
        """Record the name under which the tournament stored the predictions."""
        return self._mark(
            row_id, state="uploaded", uploaded=uploaded, uploaded_at=format_time(at)
        )

    def mark_confirmed(
        self, row_id: int, submission_id: str, at: datetime
    ) -> LedgerRow:
        """Record that the tournament lists the submission; it replaces older ones.

        An older submission of the same model as another Numerai model still counts
        there: it becomes ``elsewhere``.
        """
        with self._transaction() as connection:
            row = _row(connection, row_id)
            state = "confirmed"
            for other in _confirmed_beside(connection, row):
                older = "replaced" if other.model_id == row.model_id else "elsewhere"
                if other.id > row.id:
                    state = older
                    continue
                connection.execute(
                    update(attempts)
                    .where(attempts.c.id == other.id)
                    .values(state=older)
                )
            connection.execute(
                update(attempts)
                .where(attempts.c.id == row_id)
                .values(
                    state=state,
                    submission_id=submission_id,
                    confirmed_at=format_time(at),
                    reason=None,
                    refused_at=None,
                )
            )
            return _row(connection, row_id)

    def mark_not_counting(
        self, row_id: int, state: str, submission_id: str, reason: str, at: datetime
    ) -> LedgerRow:
        """Record that the tournament lists the submission but does not count it.

        Args:
            row_id: id of the attempt.
            state: ``late`` or ``unselected``.
            submission_id: id of the submission.
            reason: why it does not count.
            at: now.
        """
        return self._mark(
            row_id,
            state=state,
            submission_id=submission_id,
            reason=reason,
            confirmed_at=format_time(at),
            refused_at=None,
        )

    def mark_refused(self, row_id: int, reason: str, at: datetime) -> LedgerRow:
        """Record that the attempt ended without a submission, and why."""
        return self._mark(
            row_id, state="refused", reason=reason, refused_at=format_time(at)
        )

    def rows(
        self,
        *,
        tournament: str | None = None,
        round_number: int | None = None,
        model: str | None = None,
    ) -> list[LedgerRow]:
        """Return the matching attempts, oldest first."""
        query = select(attempts).order_by(attempts.c.id)
        for name, value in (
            ("tournament", tournament),
            ("round_number", round_number),
            ("model", model),
        ):
            if value is not None:
                query = query.where(attempts.c[name] == value)
        if self._is_empty:
            return []
        with self._transaction() as connection:
            return [_parsed(row._mapping) for row in connection.execute(query)]

    def find_confirmed(
        self, *, tournament: str, round_number: int, model: str
    ) -> LedgerRow | None:
        """Return the attempt that counts for a model in a round, if any."""
        rows = self.rows(tournament=tournament, round_number=round_number, model=model)
        return next((row for row in rows if row.state == "confirmed"), None)

    def record_opening(self, opening: Opening) -> None:
        """Record that the lockbox is opened, before its scores are seen."""
        values = {**asdict(opening), "opened_at": format_time(opening.opened_at)}
        with self._transaction() as connection:
            connection.execute(insert(openings).values(**values))

    def openings(self) -> list[Opening]:
        """Return each time that the lockbox was opened, oldest first."""
        if self._is_empty:
            return []
        query = select(openings).order_by(openings.c.id)
        with self._transaction() as connection:
            if not has_openings(connection):
                return []
            return [_opening(row._mapping) for row in connection.execute(query)]

    def _mark(self, row_id: int, **values: str | None) -> LedgerRow:
        with self._transaction() as connection:
            connection.execute(
                update(attempts).where(attempts.c.id == row_id).values(**values)
            )
            return _row(connection, row_id)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except _BadRow as error:
            raise DataError(
                f"the ledger {self._name} has a broken row: {error}. Install the "
                "newest numerai-pipeline; if that does not help, restore a backup or "
                "correct the row by hand."
            ) from None
        except DBAPIError as error:
            remedy = (
                "If another process uses it, wait; if the file is broken, restore a "
                "backup or move it away, then rerun."
                if self._is_file
                else "Check that the database is running and writable, then rerun."
            )
            raise DataError(
                f"the ledger {self._name} cannot be used: {error.orig}. {remedy}"
            ) from None


class _BadRow(Exception):
    """A row that this version cannot read."""


def _row(connection: Connection, row_id: int) -> LedgerRow:
    query = select(attempts).where(attempts.c.id == row_id)
    return _parsed(connection.execute(query).one()._mapping)


def _opening(values: Mapping[Any, Any]) -> Opening:
    try:
        opened_at = parse_time(values["opened_at"])
    except (ArithmeticError, TypeError, ValueError):
        raise _BadRow(
            f"opening {values['id']!r} has {values['opened_at']!r} as opened_at"
        ) from None
    return Opening(
        model=printable(str(values["model"])),
        run=printable(str(values["run"])),
        eras=printable(str(values["eras"])),
        opened_at=opened_at,
    )


def _confirmed_beside(connection: Connection, row: LedgerRow) -> list[LedgerRow]:
    """Return the other attempts that count for this model, here or at Numerai."""
    query = select(attempts).where(
        attempts.c.tournament == row.tournament,
        attempts.c.round_number == row.round_number,
        attempts.c.state == "confirmed",
        attempts.c.id != row.id,
    )
    found = [_parsed(each._mapping) for each in connection.execute(query)]
    return [
        each
        for each in found
        if each.model == row.model
        or each.numerai_name == row.numerai_name
        or each.model_id == row.model_id
    ]


def _parsed(values: Mapping[Any, Any]) -> LedgerRow:
    """Check a row and parse its times; SQLite stores any value in any column."""
    where = f"row {values['id']!r}"
    row: dict[str, Any] = {}
    for name, value in values.items():
        row[name] = printable(value) if isinstance(value, str) else value
        if name.endswith("_at") and isinstance(value, str):
            try:
                row[name] = parse_time(value)
            except (ArithmeticError, ValueError):
                raise _BadRow(f"{where} has {value!r} as {name}") from None
        if not isinstance(row[name], _TYPES[name]):
            raise _BadRow(f"{where} has {value!r} as {name}")
    parsed = LedgerRow(**row)
    if parsed.state not in _STATES:
        raise _BadRow(f"{where} has the unknown state {parsed.state!r}")
    is_listed = parsed.state in STANDING | {"replaced"}
    if is_listed and not parsed.submission_id:
        raise _BadRow(f"{where} is {parsed.state}, but names no submission")
    if parsed.state == "uploaded" and not parsed.uploaded:
        raise _BadRow(f"{where} is uploaded, but names no upload")
    return parsed
