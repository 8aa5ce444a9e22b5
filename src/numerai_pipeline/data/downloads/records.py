"""``manifest.json`` beside downloaded files: what proves that they are current."""

from pathlib import Path

from pydantic import ValidationError

from numerai_pipeline.core import DataError, Frozen, read_json, write_json

MANIFEST = "manifest.json"


class FileRecord(Frozen):
    """What is known of a downloaded file.

    Attributes:
        filename: as the tournament names it.
        round_number: the round that was asked for, None: the latest.
        size: bytes.
        sha256: of the content, hex.
        etag: the server's name of this version of the file, if it gave one.
        rows: of a Parquet or CSV file.
        eras: distinct eras, where there is an ``era`` column.
        fetched_at: UTC.
        modified_ns: modification time on disk when it was recorded, nanoseconds.
    """

    filename: str
    round_number: int | None
    size: int
    sha256: str
    etag: str | None
    rows: int | None
    eras: int | None
    fetched_at: str
    modified_ns: int


class _Manifest(Frozen):
    files: dict[str, FileRecord]


def read_records(folder: Path) -> dict[str, FileRecord]:
    """Return what the folder's manifest knows, by file name.

    A manifest that is missing or cannot be read proves nothing: the files are then
    fetched again.
    """
    try:
        return _Manifest.model_validate(read_json(folder / MANIFEST)).files
    except (DataError, ValidationError):
        return {}


def write_record(path: Path, record: FileRecord) -> None:
    """Add a file to its folder's manifest, or replace what that knew of it."""
    files = {**read_records(path.parent), path.name: record}
    manifest = _Manifest(files=dict(sorted(files.items())))
    write_json(path.with_name(MANIFEST), manifest.model_dump())
