"""Checks that received bytes are the expected file, and counts its rows and eras."""

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numerai_pipeline.core import DataError, columns
from numerai_pipeline.data.catalog import FEATURES_FILE, FeatureCatalog
from numerai_pipeline.tournament import Failure

# A batch of one narrow column; any size is fast.
_ROWS_PER_BATCH = 1 << 17


_PARQUET_MAGIC = b"PAR1"
_PAGE = re.compile(rb"\s*<[!?A-Za-z]")


@dataclass(frozen=True)
class Contents:
    """Rows and eras of a whole file; None where its kind has none."""

    rows: int | None = None
    eras: int | None = None


def check_beginning(piece: bytes, suffix: str) -> Failure | None:
    """Return the failure that the first bytes show, before they replace anything.

    Args:
        piece: the first bytes of an answer.
        suffix: of the file's real name, such as ``.parquet``.
    """
    if _PAGE.match(piece):
        return Failure("a web page instead of the file")
    if suffix == ".parquet" and piece[:4] != _PARQUET_MAGIC[: len(piece)]:
        return Failure(f"not a Parquet file: it begins with {piece[:16]!r}")
    return None


def examine(path: Path, name: str, *, length_is_known: bool) -> Contents | Failure:
    """Check whether a file is whole.

    Args:
        path: the bytes.
        name: of the file that they become, such as ``train.parquet``.
        length_is_known: whether the server said how many bytes there are. If not,
            a kind of file that does not show its end cannot be trusted.

    Returns:
        Its contents, or the failure to report.
    """
    suffix = Path(name).suffix
    if suffix == ".parquet":
        return _parquet(path)
    if suffix == ".json":
        return _json(path, name)
    if suffix == ".csv":
        return _csv(path)
    if length_is_known:
        return Contents()
    return Failure("a file of unknown length whose end does not show")


def _parquet(path: Path) -> Contents | Failure:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return Contents(rows=file.metadata.num_rows, eras=_n_eras(file))
    except (pa.ArrowException, OSError) as error:
        return Failure(f"no whole Parquet file ({str(error).rstrip('.')})")


def _n_eras(file: Any) -> int | None:
    if columns.ERA not in file.schema_arrow.names:
        return None
    eras: set[object] = set()
    for batch in file.iter_batches(_ROWS_PER_BATCH, columns=[columns.ERA]):
        eras.update(batch.column(0).unique().to_pylist())
    return len(eras)


def _json(path: Path, name: str) -> Contents | Failure:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return Failure(f"no whole JSON ({error})")
    if name == FEATURES_FILE:
        try:
            catalog = FeatureCatalog.load(path)
        except DataError as error:
            return Failure(f"JSON but not a {name} ({error.__cause__!r})")
        if not any(catalog.sets.values()) or not catalog.targets:
            return Failure(f"a {name} that lists no features or no targets")
    return Contents()


def _csv(path: Path) -> Contents | Failure:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            n_fields = len(next(reader, []))
            n_rows = 0
            for row in reader:
                n_rows += 1
                if len(row) != n_fields:
                    return Failure(f"CSV with a broken line {reader.line_num}")
    except (UnicodeDecodeError, csv.Error) as error:
        return Failure(f"no whole CSV ({error})")
    if not n_fields or path.read_bytes()[-1:] != b"\n":
        return Failure("CSV whose last line does not end")
    return Contents(rows=n_rows)
