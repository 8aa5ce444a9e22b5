"""Every intent, upload and confirmation, in a database that survives a kill.

An attempt is one row and goes through these states:

```
intent -> uploaded -> confirmed -> replaced, by a later attempt
intent -> uploaded -> refused
intent -> refused
```
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from numerai_pipeline.core import DataError, format_time, parse_time
from numerai_pipeline.submission.database import (
    attempts,
    open_engine,
    parse_url,
    prepare,
)


@dataclass(frozen=True)
class Attempt:
    """What is to be submitted where; the same attempt is never made twice.

    Attributes:
        tournament: host name of the tournament.
        round_number: the round that the predictions are for.
        model: our name of the model.
        numerai_name: its name at Numerai.
        sha256: of the predictions' bytes.
        n_rows: predictions.
    """

    tournament: str
    round_number: int
    model: str
    numerai_name: str
    sha256: str
    n_rows: int


@dataclass(frozen=True)
class LedgerRow(Attempt):
    """An attempt and what became of it; all times aware, in UTC."""

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
        """The attempt alone, to compare with another one."""
        return Attempt(**{f.name: getattr(self, f.name) for f in fields(Attempt)})

    @property
    def at(self) -> datetime:
        """When the row reached its state."""
        return (
            self.refused_at or self.confirmed_at or self.uploaded_at or self.intended_at
        )

    @property
    def is_unfinished(self) -> bool:
        """Tell whether a process stopped in the middle of the attempt."""
        return self.state in ("intent", "uploaded")


class Ledger:
    """The ledger at a SQLAlchemy URL; made where there is none.

    >>> folder = getfixture("tmp_path")
    >>> Ledger(f"sqlite:///{folder}/ledger.sqlite").rows()
    []
    """

    def __init__(self, url: str) -> None:
        """Open the ledger.

        Raises:
            ConfigError: if the URL names no database that can be used here.
            DataError: if the database is broken, is not a ledger, or is newer.
        """
        parsed = parse_url(url)
        self._is_file = parsed.get_backend_name() == "sqlite"
        self._name = (
            str(parsed.database) if self._is_file else parsed.render_as_string()
        )
        self._engine = open_engine(parsed)
        with self._transaction() as connection:
            prepare(connection, self._name)

    def intend(self, attempt: Attempt, model_id: str, at: datetime) -> LedgerRow:
        """Record that an attempt begins; nothing has been sent yet."""
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
        """Record that the tournament lists the submission; it replaces older ones."""
        with self._transaction() as connection:
            row = _row(connection, row_id)
            connection.execute(
                update(attempts)
                .where(
                    attempts.c.tournament == row.tournament,
                    attempts.c.round_number == row.round_number,
                    attempts.c.state == "confirmed",
                    or_(
                        attempts.c.model == row.model,
                        attempts.c.numerai_name == row.numerai_name,
                    ),
                )
                .values(state="replaced")
            )
            connection.execute(
                update(attempts)
                .where(attempts.c.id == row_id)
                .values(
                    state="confirmed",
                    submission_id=submission_id,
                    confirmed_at=format_time(at),
                )
            )
            return _row(connection, row_id)

    def mark_refused(self, row_id: int, reason: str, at: datetime) -> LedgerRow:
        """Record that the attempt is over without a submission, and why."""
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
        """Return the attempts that match what is given, oldest first."""
        query = select(attempts).order_by(attempts.c.id)
        for name, value in (
            ("tournament", tournament),
            ("round_number", round_number),
            ("model", model),
        ):
            if value is not None:
                query = query.where(attempts.c[name] == value)
        with self._transaction() as connection:
            return [_parsed(row._mapping) for row in connection.execute(query)]

    def find_confirmed(
        self, *, tournament: str, round_number: int, model: str
    ) -> LedgerRow | None:
        """Return the attempt that counts for a round and a model of ours."""
        rows = self.rows(tournament=tournament, round_number=round_number, model=model)
        return next((row for row in rows if row.state == "confirmed"), None)

    def _mark(self, row_id: int, **values: str) -> LedgerRow:
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
        except DBAPIError as error:
            remedy = (
                "If another process holds it, wait; if the file is broken, restore a "
                "backup or move it away, then rerun."
                if self._is_file
                else "Check that the database runs and may be written, then rerun."
            )
            raise DataError(
                f"the ledger {self._name} cannot be used: {error.orig}. {remedy}"
            ) from None


def _row(connection: Connection, row_id: int) -> LedgerRow:
    query = select(attempts).where(attempts.c.id == row_id)
    return _parsed(connection.execute(query).one()._mapping)


def _parsed(values: Mapping[Any, Any]) -> LedgerRow:
    row: dict[str, Any] = {
        name: parse_time(value) if name.endswith("_at") and value else value
        for name, value in values.items()
    }
    return LedgerRow(**row)
