"""The ledger's tables and the connection to its database.

A SQLite file has a write-ahead log that is flushed with every transaction, so it
survives a kill or a power failure at any instant.
"""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    NullPool,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from numerai_pipeline.core import ConfigError, DataError, printable

# Incremented when the tables change; checked when a database is opened. Version 2
# brought the table of openings; a ledger of version 1 gets it when it is written to.
SCHEMA_VERSION = 2
_FIRST_VERSION = 1

# Other processes write for milliseconds; a lock held this long is an error.
_LOCK_SECONDS = 30

_NO_URL = (
    "[submission] ledger in numerai.toml is not a database URL. Write it like "
    "sqlite:///ledger.sqlite, or leave it empty."
)

_metadata = MetaData()

_version = Table(
    "numerai_ledger",
    _metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

# Times are text as Numerai writes them, readable in any database browser.
attempts = Table(
    "attempts",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("tournament", String(255), nullable=False),
    Column("round_number", Integer, nullable=False),
    Column("model", String(255), nullable=False),
    Column("numerai_name", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("model_id", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("uploaded", Text),
    Column("submission_id", String(255)),
    Column("reason", Text),
    Column("intended_at", String(32), nullable=False),
    Column("uploaded_at", String(32)),
    Column("confirmed_at", String(32)),
    Column("refused_at", String(32)),
)

# Each time that the eras of the lockbox were scored.
openings = Table(
    "lockbox_openings",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(255), nullable=False),
    Column("run", String(255), nullable=False),
    Column("eras", Text, nullable=False),
    Column("opened_at", String(32), nullable=False),
)

# One submission counts per round, for a model here and for a model at Numerai.
for _side in ("model", "numerai_name"):
    _is_confirmed = attempts.c.state == "confirmed"
    Index(
        f"one_confirmed_a_{_side}",
        attempts.c.tournament,
        attempts.c.round_number,
        attempts.c[_side],
        unique=True,
        sqlite_where=_is_confirmed,
        postgresql_where=_is_confirmed,
    )


def parse_url(url: str) -> URL:
    """Read a SQLAlchemy URL.

    Raises:
        ConfigError: if it is not a database URL, or names a database in memory.
    """
    if printable(url) != url:
        raise ConfigError(_NO_URL)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError for a port such as "abc"
        raise ConfigError(_NO_URL) from None
    in_memory = parsed.database in (None, "", ":memory:")
    if parsed.get_backend_name() == "sqlite" and in_memory:
        raise ConfigError(
            f"[submission] ledger in numerai.toml is {url!r}, which is lost when the "
            "process ends. Name a file: sqlite:///ledger.sqlite."
        )
    return parsed


def open_engine(url: URL, *, read_only: bool = False) -> Engine:
    """Return the engine of a database.

    Args:
        url: of the database.
        read_only: change nothing. Otherwise a missing SQLite file is created.

    Raises:
        ConfigError: if the database does not know an option of the URL, or its driver
            is not installed.
    """
    is_file = url.get_backend_name() == "sqlite"
    # No pool: there are few transactions. Parameters stay out of error messages.
    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    if is_file and read_only:
        options["creator"] = lambda: _connect_read_only(Path(str(url.database)))
    try:
        engine = create_engine(url, **options)
        engine.dialect.create_connect_args(url)  # checks the options of the URL
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"[submission] ledger in numerai.toml needs a database driver that is not "
            f"installed ({error}). For PostgreSQL run `pip install psycopg[binary]` "
            "and write postgresql+psycopg://..."
        ) from None
    except (ArgumentError, TypeError, ValueError):
        raise ConfigError(_NO_URL) from None
    if is_file and not read_only:
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def prepare(connection: Connection, name: str) -> None:
    """Create the tables that are missing, in one transaction.

    Args:
        connection: in a transaction.
        name: of the database, for the errors.

    Raises:
        DataError: if the database contains something else, or a newer ledger.
    """
    if not holds_ledger(connection, name):
        _metadata.create_all(connection)
        connection.execute(insert(_version).values(version=SCHEMA_VERSION))
    elif _version_of(connection) != SCHEMA_VERSION:
        _metadata.create_all(connection)
        connection.execute(update(_version).values(version=SCHEMA_VERSION))


def holds_ledger(connection: Connection, name: str) -> bool:
    """Return whether a database contains a ledger that this program can read.

    Raises:
        DataError: if it contains something else, or a newer ledger.
    """
    tables = inspect(connection).get_table_names()
    if _version.name not in tables:
        if tables and connection.dialect.name == "sqlite":
            raise DataError(
                f"{name} is a database but not a ledger: its tables are "
                f"{', '.join(tables)}. "
                "Name another file as [submission] ledger in numerai.toml."
            )
        return False
    found = _version_of(connection)
    if found not in range(_FIRST_VERSION, SCHEMA_VERSION + 1):
        raise DataError(
            f"the ledger {name} has version {found}, but this program knows version "
            f"{SCHEMA_VERSION}. Install a newer numerai-pipeline, or name another "
            "database as [submission] ledger in numerai.toml."
        )
    return True


def has_openings(connection: Connection) -> bool:
    """Return whether the ledger has the table of openings."""
    return inspect(connection).has_table(openings.name)


def _version_of(connection: Connection) -> int | None:
    return connection.execute(select(_version.c.version)).scalar()


def _connect_read_only(path: Path) -> sqlite3.Connection:
    url = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(url, uri=True, timeout=_LOCK_SECONDS)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").close()
    except sqlite3.OperationalError:
        connection.close()
        # SQLite writes an index of the write-ahead log beside it, even to read. In a
        # read-only folder nobody writes, and without a log the file is complete.
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        connection = sqlite3.connect(f"{url}&immutable=1", uri=True)
    return connection


def _tune_sqlite(connection: Any, _record: object) -> None:
    # Otherwise the driver begins transactions itself, and too late.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_LOCK_SECONDS * 1_000}",
        "journal_mode = WAL",
        "synchronous = FULL",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    # Takes the write lock first, so that two processes cannot both create the tables
    # or both read before they write.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
