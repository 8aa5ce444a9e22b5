"""Uploads, and the submissions that they become: checked, filed, one of them selected.

A name is given out, bytes arrive under it, then they are used once. The bytes come
without a key, as they do at Numerai, so the name itself is the secret: it ends in
characters that cannot be guessed.
"""

import re
import secrets
import sqlite3
from datetime import datetime
from pathlib import Path, PurePath
from typing import NamedTuple

import pandas as pd
from numerai_tools.submissions import validate_submission_numerai

from numerai_simulator.clock import format_time
from numerai_simulator.errors import NO_ROUND, Refusal
from numerai_simulator.market import Market
from numerai_simulator.market.catalog import ID
from numerai_simulator.server.state import State, new_id
from numerai_simulator.server.timetable import Timetable

# The most bytes of each kind. 6,900 live rows are 0.3 MB as CSV; the 3.5 M
# validation rows 140 MB; a pickle must fit in the 4 GB of Numerai's runner.
MAX_BYTES = {
    "submission": 64 << 20,
    "diagnostics": 512 << 20,
    "pickle": 1 << 30,
}


class Uploads:
    """The uploads of one simulated tournament."""

    def __init__(self, folder: Path, state: State) -> None:
        self._folder = folder / "uploads"
        self._state = state

    def reserve(self, kind: str, filename: str) -> str:
        """Return a new unique name for an upload.

        Args:
            kind: ``submission``, ``diagnostics`` or ``pickle``.
            filename: how the client calls its file.
        """
        wanted = PurePath(filename)
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", wanted.stem)[:60] or "upload"
        suffix = re.sub(r"[^A-Za-z0-9.]", "", wanted.suffix)[:10]
        name = f"{stem}-{secrets.token_hex(8)}{suffix}"
        self._state.run(
            "INSERT INTO uploads (filename, kind) VALUES (?, ?)", name, kind
        )
        return name

    def slot(self, name: str) -> tuple[Path, int]:
        """Return where an upload's bytes go, and how many may come.

        Raises:
            Refusal: if the name was never given out or is used up.
        """
        row = self._state.row("SELECT * FROM uploads WHERE filename = ?", name)
        if row is None:
            raise Refusal(f"no upload is expected under the name {name!r}.")
        if row["is_used"]:
            raise Refusal(f"the upload {name!r} is used: ask for a new name.")
        return self._folder / name, MAX_BYTES[row["kind"]]

    def arrived(self, kind: str, name: str) -> Path:
        """Return the file of an upload.

        Raises:
            Refusal: if nothing has arrived under that name.
        """
        row = self._state.row(
            "SELECT * FROM uploads WHERE filename = ? AND kind = ?", name, kind
        )
        path = self._folder / name
        if row is None or not path.is_file():
            raise Refusal(
                f"Could not find the uploaded file {name!r}: PUT it to the url of "
                "its upload auth first."
            )
        return path

    def use(self, name: str) -> None:
        """Close an upload: what was made of it must not change any more."""
        self._state.run("UPDATE uploads SET is_used = 1 WHERE filename = ?", name)

    def find(self, name: str) -> Path | None:
        """Return the file of a used upload, None if there is none."""
        row = self._state.row(
            "SELECT 1 FROM uploads WHERE filename = ? AND is_used", name
        )
        path = self._folder / name
        return path if row is not None and path.is_file() else None


_PARQUET_MAGIC = b"PAR1"


class Note(NamedTuple):
    """What a client may write on a submission; the server only keeps it."""

    trigger_id: str | None = None
    source: str | None = None
    data_datestamp: int | None = None


class Submissions:
    """The submissions of one simulated tournament."""

    def __init__(
        self, market: Market, state: State, timetable: Timetable, uploads: Uploads
    ) -> None:
        self._market = market
        self._state = state
        self._timetable = timetable
        self._uploads = uploads

    def create(self, model_id: str, filename: str, note: Note, now: datetime) -> str:
        """Check an upload and make it a submission to the latest round.

        In time, it takes the place of the one selected before. Late, it is
        selected only where the model has none in time, and no stake is at risk.
        The same upload can be submitted twice, as at Numerai.

        Returns:
            The id of the submission.

        Raises:
            Refusal: if no round has opened yet, nothing was uploaded,
                or the predictions are not valid; with the reason.
        """
        number = self._timetable.latest_opened(now)
        if number < self._timetable.first_round:
            raise Refusal(NO_ROUND)
        path = self._uploads.arrived("submission", filename)
        check_live(read_predictions(path), pd.Series(self._market.live_ids(number)))
        submission_id = new_id()
        is_late = not self._timetable.is_open(number, now)
        with self._state.transaction():
            is_selected = not (is_late and self._has_one_in_time(number, model_id))
            if is_selected:
                self._state.run(
                    "UPDATE submissions SET is_selected = 0 "
                    "WHERE round = ? AND model_id = ?",
                    number,
                    model_id,
                )
            self._state.run(
                "INSERT INTO submissions (id, model_id, round, filename, inserted_at, "
                "is_late, is_selected, trigger_id, source, data_datestamp) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(submission_id, model_id, number, filename, format_time(now)),
                *(is_late, is_selected, *note),
            )
            self._state.run("INSERT OR IGNORE INTO rounds (number) VALUES (?)", number)
            self._uploads.use(filename)
        return submission_id

    def of_model(self, model_id: str) -> list[sqlite3.Row]:
        """Return a model's submissions, latest first."""
        return self._state.rows(
            "SELECT * FROM submissions WHERE model_id = ? ORDER BY number DESC",
            model_id,
        )

    def all(self) -> list[sqlite3.Row]:
        """Return every submission, latest first."""
        return self._state.rows("SELECT * FROM submissions ORDER BY number DESC")

    def find(self, submission_id: str | None) -> sqlite3.Row | None:
        """Return a submission by its id, None if there is none."""
        return self._state.row("SELECT * FROM submissions WHERE id = ?", submission_id)

    def selected(self, number: int) -> list[sqlite3.Row]:
        """Return the submissions that count in a round, one per model."""
        return self._state.rows(
            "SELECT * FROM submissions WHERE round = ? AND is_selected "
            "ORDER BY model_id",
            number,
        )

    def predictions(self, number: int) -> pd.DataFrame:
        """Return what counts in a round: a column for each submission, by id."""
        ids = pd.Series(self._market.live_ids(number))
        return pd.DataFrame(
            {
                row["id"]: check_live(
                    read_predictions(
                        self._uploads.arrived("submission", row["filename"])
                    ),
                    ids,
                )
                for row in self.selected(number)
            }
        )

    def _has_one_in_time(self, number: int, model_id: str) -> bool:
        return bool(
            self._state.rows(
                "SELECT 1 FROM submissions "
                "WHERE round = ? AND model_id = ? AND NOT is_late",
                number,
                model_id,
            )
        )


def read_predictions(path: Path) -> pd.DataFrame:
    """Read an upload, CSV or Parquet, whatever its name says.

    Returns:
        The columns as they came; an index called ``id`` becomes a column.

    Raises:
        Refusal: if it is neither.
    """
    with path.open("rb") as file:
        is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    try:
        if is_parquet:
            frame = pd.read_parquet(path)
            return frame.reset_index() if frame.index.name == ID else frame
        return pd.read_csv(path, dtype={ID: str}, compression=None)
    except (ValueError, OSError) as error:  # pandas' and arrow's errors are both
        kind = "Parquet" if is_parquet else "CSV"
        raise Refusal(
            f"invalid_submission: the upload is not readable as {kind}: {error}"
        ) from error


def check_live(frame: pd.DataFrame, live_ids: pd.Series) -> pd.Series:
    """Check predictions for a round's live rows by Numerai's rules and a few more.

    Numerai's rules are ``numerai_tools.submissions``; ``check_shape`` names mistakes
    that those would report as something else.

    Returns:
        The predictions, indexed by id, sorted.

    Raises:
        Refusal: with the first rule that is broken.
    """
    check_shape(frame)
    try:
        id_column, value_column, valid, _ = validate_submission_numerai(live_ids, frame)
    except AssertionError as error:
        raise Refusal(str(error)) from error
    return valid.set_index(id_column)[value_column].astype("float64").sort_index()


def check_shape(frame: pd.DataFrame) -> None:
    """Refuse an upload without rows, with text for numbers or with an id twice.

    Raises:
        Refusal: with the first mistake found.
    """
    if frame.empty:
        raise Refusal("invalid_submission_ids: the upload has no rows.")
    for column in frame.columns[1:]:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise Refusal(
                f"invalid_submission_values: column {column!r} holds text or mixed "
                f"values, such as {frame[column].iloc[0]!r}; send numbers."
            )
    first = frame[frame.columns[0]]
    twice = first[first.duplicated() & first.notna()]
    if len(twice):
        raise Refusal(
            f"invalid_submission_ids: {len(twice)} ids stand twice, "
            f"such as {twice.iloc[0]!r}."
        )
