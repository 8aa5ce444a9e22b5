"""What the server remembers: one SQLite file, and the ids that it gives out.

Times are text as Numerai writes them, which sorts like time; amounts of NMR are
text too, so that no digit is lost. Rows are read as ``sqlite3.Row``.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from numerai_simulator.errors import BrokenFolder

_NAMESPACE: UUID = uuid5(NAMESPACE_URL, "numerai-pipeline/simulator")


def stable_id(kind: str, name: object) -> str:
    """Return the UUID that this thing has in every simulated tournament."""
    return str(uuid5(_NAMESPACE, f"{kind}/{name}"))


def new_id() -> str:
    """Return a UUID that nothing else has."""
    return str(uuid4())


def stable_hash(kind: str, name: object) -> str:
    """Return something that looks like a transaction hash or an address's source."""
    return "0x" + hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()


_TABLES = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS models (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, inserted_at TEXT NOT NULL,
    stake TEXT NOT NULL, bio TEXT, link_text TEXT, link_url TEXT, webhook TEXT
);
CREATE TABLE IF NOT EXISTS transactions (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, type TEXT NOT NULL,
    model_id TEXT, amount TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS uploads (
    filename TEXT PRIMARY KEY, kind TEXT NOT NULL, is_used INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS submissions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL,
    round INTEGER NOT NULL, filename TEXT NOT NULL, inserted_at TEXT NOT NULL,
    is_late INTEGER NOT NULL, is_selected INTEGER NOT NULL,
    trigger_id TEXT, source TEXT, data_datestamp INTEGER
);
CREATE INDEX IF NOT EXISTS submissions_of ON submissions (round, model_id);
-- Only rounds with a submission have a row here and in the next three tables.
CREATE TABLE IF NOT EXISTS rounds (
    number INTEGER PRIMARY KEY, is_closed INTEGER NOT NULL DEFAULT 0,
    scored_days INTEGER NOT NULL DEFAULT 0, payout_factor TEXT
);
CREATE TABLE IF NOT EXISTS stakes (
    round INTEGER, model_id TEXT, at_risk TEXT NOT NULL, payout TEXT,
    PRIMARY KEY (round, model_id)
);
CREATE TABLE IF NOT EXISTS scores (
    submission_id TEXT, model_id TEXT NOT NULL, round INTEGER NOT NULL,
    day INTEGER, metric TEXT, value REAL, percentile REAL, date TEXT NOT NULL,
    PRIMARY KEY (submission_id, day, metric)
);
CREATE INDEX IF NOT EXISTS scores_of ON scores (model_id, round, day);
CREATE TABLE IF NOT EXISTS diagnostics (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS pickles (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, model_id TEXT NOT NULL,
    filename TEXT NOT NULL, inserted_at TEXT NOT NULL,
    data_version_id TEXT, docker_image_id TEXT
);
"""


class State:
    """The database; safe to use from several threads of one process.

    All threads share one connection, so each statement takes the lock, and a
    transaction holds it until its end: nobody sees half of it.
    """

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self._is_in_transaction = False
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self._connection.row_factory = sqlite3.Row
        try:
            # Write-ahead logging survives a kill at any instant and lets a person
            # look at the file with another program meanwhile.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
            (verdict,) = self._connection.execute("PRAGMA quick_check").fetchone()
        except sqlite3.DatabaseError as error:
            verdict = str(error)
        if verdict != "ok":
            self._connection.close()
            raise BrokenFolder(
                f"{path} is broken ({verdict}). Delete the folder {path.parent} to "
                "begin a new simulated tournament."
            )

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self.lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, None if there is none."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def run(self, sql: str, *values: Any) -> None:
        """Execute a statement that returns nothing."""
        with self.lock:
            self._connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all statements of the block happen, or none; blocks may nest."""
        with self.lock:
            if self._is_in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._is_in_transaction = True
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._is_in_transaction = False

    def setting(self, key: str) -> str | None:
        """Return a remembered text, None if it was never set."""
        row = self.row("SELECT value FROM settings WHERE key = ?", key)
        return None if row is None else str(row["value"])

    def set(self, key: str, value: str) -> None:
        """Remember a text."""
        self.run("INSERT OR REPLACE INTO settings VALUES (?, ?)", key, value)

    def close(self) -> None:
        """Close the file; nothing can be asked any more."""
        with self.lock:
            self._connection.close()
