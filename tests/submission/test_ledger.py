"""The ledger: its states, and what happens to it under kills and broken files."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.engine import make_url

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.submission import Attempt, Ledger, Opening
from numerai_pipeline.submission.database import open_engine

ATTEMPT = Attempt(
    tournament="api-tournament.numer.ai",
    round_number=1000,
    model="mlp",
    numerai_name="alpha",
    sha256="a" * 64,
    n_rows=6_700,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path):
    return Ledger(f"sqlite:///{path}")


def test_an_attempt_goes_through_its_states(ledger, clock):
    row = ledger.intend(ATTEMPT, "id-alpha", clock.now())
    assert (row.state, row.at, row.is_unfinished) == ("intent", clock.now(), True)
    assert row.attempt == ATTEMPT
    clock.sleep(1)
    row = ledger.mark_uploaded(row.id, "p.csv-1", clock.now())
    assert (row.state, row.uploaded, row.at) == ("uploaded", "p.csv-1", clock.now())
    clock.sleep(1)
    row = ledger.mark_confirmed(row.id, "submission-1", clock.now())
    assert (row.state, row.submission_id) == ("confirmed", "submission-1")
    assert not row.is_unfinished
    assert row.at - row.intended_at == timedelta(seconds=2)
    assert ledger.rows() == [row]


def test_a_refusal_keeps_its_reason(ledger, clock):
    row = ledger.intend(ATTEMPT, "id-alpha", clock.now())
    row = ledger.mark_refused(row.id, "the round is closed", clock.now())
    assert (row.state, row.reason) == ("refused", "the round is closed")


def test_rows_are_found_by_what_is_given(ledger, clock):
    for change in ({}, {"round_number": 1001}, {"model": "lgbm"}, {"tournament": "x"}):
        ledger.intend(replace(ATTEMPT, **change), "id", clock.now())
    assert len(ledger.rows()) == 4
    assert [row.id for row in ledger.rows(round_number=1001)] == [2]
    assert [row.id for row in ledger.rows(model="lgbm")] == [3]
    assert [row.id for row in ledger.rows(tournament="x", model="mlp")] == [4]


@pytest.mark.parametrize("change", [{"model": "lgbm"}, {"numerai_name": "beta"}, {}])
def test_one_submission_counts_a_round_and_the_latest_does(ledger, clock, change):
    for number, attempt in enumerate([ATTEMPT, replace(ATTEMPT, **change)]):
        row = ledger.intend(attempt, "id", clock.now())
        ledger.mark_uploaded(row.id, f"p-{number}", clock.now())
        ledger.mark_confirmed(row.id, f"submission-{number}", clock.now())
    assert [row.state for row in ledger.rows()] == ["replaced", "confirmed"]


def test_other_rounds_and_tournaments_are_not_replaced(ledger, clock):
    for change in ({}, {"round_number": 1001}, {"tournament": "127.0.0.1"}):
        row = ledger.intend(replace(ATTEMPT, **change), "id", clock.now())
        ledger.mark_confirmed(row.id, "s", clock.now())
    assert {row.state for row in ledger.rows()} == {"confirmed"}
    found = ledger.find_confirmed(
        tournament="127.0.0.1", round_number=1000, model="mlp"
    )
    assert found == ledger.rows()[2]
    absent = ledger.find_confirmed(tournament="127.0.0.1", round_number=1, model="mlp")
    assert absent is None


def test_what_was_written_is_there_for_the_next_process(ledger, path, clock):
    row = ledger.intend(ATTEMPT, "id-alpha", clock.now())
    assert Ledger(f"sqlite:///{path}").rows() == [row]


def test_a_kill_loses_no_finished_transaction(path):
    # The writer prints a row's number after its transaction; the kill comes at
    # whatever instant it is then.
    script = (
        "import sys; from datetime import datetime, UTC\n"
        "from numerai_pipeline.submission import Attempt, Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
        "attempt = Attempt('t', 1, 'm', 'n', 'a' * 64, 1)\n"
        "while True:\n"
        "    row = ledger.intend(attempt, 'id', datetime.now(UTC))\n"
        "    print(row.id, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, f"sqlite:///{path}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, process.stdout as lines:
        seen = [int(next(lines)) for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        seen += [int(line) for line in lines if line.endswith("\n")]
    rows = Ledger(f"sqlite:///{path}").rows()
    assert [row.id for row in rows][: len(seen)] == seen
    assert len(rows) - len(seen) <= 1


def test_processes_that_open_a_new_ledger_at_once_share_it(path, clock):
    def work(_number):
        return Ledger(f"sqlite:///{path}").intend(ATTEMPT, "id", clock.now()).id

    with ThreadPoolExecutor(8) as pool:
        ids = sorted(pool.map(work, range(8)))
    assert ids == list(range(1, 9))


@pytest.mark.usefixtures("ledger")
def test_every_transaction_is_flushed(path):
    with open_engine(make_url(f"sqlite:///{path}")).begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


# Files that are not a ledger.


def test_a_file_that_is_no_database_is_named(path):
    path.write_bytes(b"this is a text of more than a hundred bytes. " * 100)
    with pytest.raises(DataError, match="restore a backup or move it away") as error:
        Ledger(f"sqlite:///{path}")
    assert f"the ledger {path} cannot be used: file is not a database" in str(
        error.value
    )


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_a_damaged_ledger_is_named(ledger, path, clock, damage):
    for _ in range(50):
        ledger.intend(ATTEMPT, "id", clock.now())
    content = path.read_bytes()
    page = 4_096
    broken = {
        "cut": content[: len(content) // 2 // page * page],
        "zeros": content[:page] + bytes(len(content) - page),
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(DataError, match=f"{path.name} cannot be used: .*malformed"):
        Ledger(f"sqlite:///{path}").rows()


def test_somebody_elses_database_is_not_touched(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    with pytest.raises(
        DataError, match=r"not a ledger: its tables are songs\. Name another"
    ):
        Ledger(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("songs",)]


def test_a_newer_ledger_is_refused_and_left_alone(ledger, path, clock):
    ledger.intend(ATTEMPT, "id", clock.now())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE numerai_ledger SET version = 3")
    connection.close()
    with pytest.raises(DataError, match="has version 3, but this program knows versi"):
        Ledger(f"sqlite:///{path}")


def test_openings_of_the_lockbox_are_kept_and_an_older_ledger_learns_them(
    ledger, path, clock
):
    opening = Opening("mlp", "run-1", "601-612", clock.now())
    ledger.record_opening(opening)
    assert ledger.openings() == [opening]
    # As version 1 left it.
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE lockbox_openings")
        connection.execute("UPDATE numerai_ledger SET version = 1")
    connection.close()
    ledger.intend(ATTEMPT, "id", clock.now())
    assert Ledger(f"sqlite:///{path}", read_only=True).openings() == []
    migrated = Ledger(f"sqlite:///{path}")
    migrated.record_opening(opening)
    assert (migrated.openings(), len(migrated.rows())) == ([opening], 1)


def test_an_empty_file_becomes_a_ledger(path):
    path.touch()
    assert Ledger(f"sqlite:///{path}").rows() == []


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent/ledger.sqlite cannot be used: unable"):
        Ledger(f"sqlite:///{tmp_path}/absent/ledger.sqlite")


# URLs that cannot be followed.


@pytest.mark.parametrize(
    "url",
    [
        "ledger.sqlite",
        "",
        "user:hunter2",
        "sqlite:///a\x00b",
        "sqlite:///x?timeout=hunter2",
        "sqlite://hunter2/x",
        "postgresql://u:hunter2@h:abc/d",
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_no_url_is_refused(url, read_only):
    with pytest.raises(ConfigError, match=r"not a database URL. Write it") as error:
        Ledger(url, read_only=read_only)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_ledger_in_memory_is_refused(url):
    with pytest.raises(ConfigError, match="is lost when the process ends"):
        Ledger(url)


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:hunter2@h/d", "nosuch://h/d"])
def test_a_missing_driver_says_what_to_install(url):
    with pytest.raises(ConfigError, match="pip install psycopg") as error:
        Ledger(url)
    assert "hunter2" not in str(error.value)


# States that are not «confirmed», and reading without writing.


def test_an_older_attempt_that_is_found_late_does_not_displace_a_newer_one(
    ledger, clock
):
    older = ledger.intend(ATTEMPT, "id", clock.now())
    newer = ledger.intend(replace(ATTEMPT, sha256="b" * 64), "id", clock.now())
    ledger.mark_confirmed(newer.id, "submission-2", clock.now())
    assert ledger.mark_confirmed(older.id, "submission-1", clock.now()).state == (
        "replaced"
    )
    assert [row.state for row in ledger.rows()] == ["replaced", "confirmed"]


def test_another_model_of_numerais_is_not_replaced(ledger, clock):
    first = ledger.intend(ATTEMPT, "id-alpha", clock.now())
    ledger.mark_confirmed(first.id, "submission-1", clock.now())
    second = ledger.intend(
        replace(ATTEMPT, numerai_name="beta"), "id-beta", clock.now()
    )
    ledger.mark_confirmed(second.id, "submission-2", clock.now())
    assert [row.state for row in ledger.rows()] == ["elsewhere", "confirmed"]


@pytest.mark.parametrize("state", ["late", "unselected"])
def test_what_does_not_count_keeps_its_submission_and_the_reason(ledger, clock, state):
    row = ledger.intend(ATTEMPT, "id", clock.now())
    row = ledger.mark_not_counting(row.id, state, "submission-1", "since", clock.now())
    assert (row.state, row.submission_id, row.reason) == (
        state,
        "submission-1",
        "since",
    )
    assert not row.is_unfinished


def test_reading_only_makes_and_changes_nothing(path, clock):
    assert Ledger(f"sqlite:///{path}", read_only=True).rows() == []
    assert not path.exists()
    row = Ledger(f"sqlite:///{path}").intend(ATTEMPT, "id", clock.now())
    content = path.read_bytes()
    reader = Ledger(f"sqlite:///{path}", read_only=True)
    assert reader.rows() == [row]
    with pytest.raises(DataError, match="readonly"):
        reader.mark_refused(row.id, "x", clock.now())
    assert path.read_bytes() == content


def test_control_characters_that_an_earlier_version_stored_are_not_shown(
    ledger, path, clock
):
    ledger.intend(ATTEMPT, "id", clock.now())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE attempts SET reason = ?", ("a\x1b[2J\nb",))
    connection.close()
    assert ledger.rows()[0].reason == "a\\x1b[2J b"
