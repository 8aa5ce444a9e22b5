"""Checks of a predictions file before it is uploaded."""

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from numerai_pipeline.core import DataError, columns

if TYPE_CHECKING:
    from _csv import Reader

_HEADER = [columns.ID, columns.PREDICTION]
_REMEDY = "Run `nai predict` for the open round and submit the file that it writes."


@dataclass(frozen=True)
class CheckedPredictions:
    """Predictions that match the live data, as the bytes to upload.

    Attributes:
        content: the file, byte for byte.
        sha256: of the content, hex.
        n_rows: number of predictions, one per live id.
        ties_share: share of the rows whose value occurs more than once, in [0, 1].
    """

    content: bytes = field(repr=False)
    sha256: str
    n_rows: int
    ties_share: float


def check_predictions(predictions: Path, live_ids: Sequence[str]) -> CheckedPredictions:
    """Read and check a CSV file of predictions.

    Args:
        predictions: columns ``id,prediction``; exactly the live ids in any order,
            finite values strictly between 0 and 1, not all the same.
        live_ids: ids of the round's live data.

    Raises:
        DataError: if a check fails; names the file, what was found and the remedy.
    """
    try:
        content = predictions.read_bytes()
        text = content.decode()
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"{predictions} does not exist. {_REMEDY}") from None
    except UnicodeDecodeError:
        raise DataError(f"{predictions} is not UTF-8 text. {_REMEDY}") from None
    ids, values = _rows(predictions, text)
    _check_ids(predictions, ids, live_ids)
    n_of_value = Counter(values)
    if len(n_of_value) == 1:
        raise DataError(
            f"{predictions}: all {len(values):,} predictions are {values[0]}, which "
            f"cannot be scored. Train the model again or pick another. {_REMEDY}"
        )
    n_tied = sum(n for n in n_of_value.values() if n > 1)
    return CheckedPredictions(
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        n_rows=len(values),
        ties_share=n_tied / len(values),
    )


def _rows(path: Path, text: str) -> tuple[list[str], list[float]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _read(path, reader)
    except csv.Error as error:  # a stray quote, a carriage return within a line
        raise DataError(
            f"{path} line {reader.line_num} cannot be read ({error}). {_REMEDY}"
        ) from None


def _read(path: Path, reader: "Reader") -> tuple[list[str], list[float]]:
    header = next(reader, [])
    if header != _HEADER:
        raise DataError(
            f"{path} starts with the columns {','.join(header)!r}, but must start "
            f"with {','.join(_HEADER)!r}. {_REMEDY}"
        )
    ids, values = [], []
    for row in reader:
        if len(row) != len(_HEADER):
            raise DataError(
                f"{path} line {reader.line_num} has {len(row)} fields instead of "
                f"{len(_HEADER)}. {_REMEDY}"
            )
        ids.append(row[0])
        values.append(_value(path, reader.line_num, row))
    return ids, values


def _value(path: Path, line: int, row: Sequence[str]) -> float:
    id_, text = row
    try:
        # Python also accepts 0_5 and digits of other scripts; Numerai may not.
        value = math.nan if "_" in text or not text.isascii() else float(text)
    except ValueError:
        value = math.nan
    if 0 < value < 1:
        return value
    raise DataError(
        f"{path} line {line}: the prediction of {id_} is {text!r}, but must be a "
        f"number above 0 and below 1. {_REMEDY}"
    )


def _check_ids(path: Path, ids: Sequence[str], live_ids: Sequence[str]) -> None:
    live = set(live_ids)
    if not live:
        raise DataError(
            f"{path} cannot be checked: the live data has no ids. "
            "Run `nai download --live --force`."
        )
    found = set(ids)
    mistakes = [
        text
        for text, concerned in (
            ("live ids are missing", live - found),
            ("ids are not in the live data", found - live),
            ("ids occur twice", _repeated(ids)),
        )
        if concerned
        for text in [f"{len(concerned):,} {text}, such as {min(concerned)!r}"]
    ]
    if mistakes:
        raise DataError(
            f"{path} does not match the {len(live):,} live ids: "
            f"{'; '.join(mistakes)}. {_REMEDY}"
        )


def _repeated(ids: Sequence[str]) -> Collection[str]:
    return [id_ for id_, n in Counter(ids).items() if n > 1]
