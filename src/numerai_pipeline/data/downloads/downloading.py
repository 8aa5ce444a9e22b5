"""The tournament's files, brought to disk whole or not at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from numerai_pipeline.core import (
    SILENT,
    Clock,
    ConfigError,
    Progress,
    atomic_path,
    format_time,
    locked,
    sha256_of,
)
from numerai_pipeline.data.downloads.partial import Order
from numerai_pipeline.data.downloads.records import (
    FileRecord,
    read_records,
    write_record,
)
from numerai_pipeline.data.downloads.transfer import Received, Transfer
from numerai_pipeline.tournament import Tournament


@dataclass(frozen=True)
class DownloadedFile:
    """A file that is on disk now.

    Attributes:
        filename: as the tournament names it, such as ``v5.3/train.parquet``.
        path: where it stands.
        bytes: its size.
        sha256: of its content, hex.
        rows: of a Parquet or CSV file, else None.
        eras: distinct eras of a Parquet file with an ``era`` column, else None.
        was_current: whether it was up to date, so that nothing was fetched.
    """

    filename: str
    path: Path
    bytes: int
    sha256: str
    rows: int | None
    eras: int | None
    was_current: bool


def download(  # noqa: PLR0913 - each is a separate decision of the caller
    tournament: Tournament,
    filenames: Sequence[str],
    data_root: Path,
    *,
    clock: Clock,
    force: bool = False,
    round_number: int | None = None,
    into: Path | None = None,
    timeout_seconds: float = 30,
    deadline_seconds: float = 600,
    progress: Progress = SILENT,
) -> list[DownloadedFile]:
    """Fetch files that are not up to date.

    A file is up to date if the manifest of its folder lists it, it has not changed
    since, and the server still has the version that the manifest names. An
    interrupted transfer resumes where it stopped, in this call or the next one.

    Args:
        tournament: knows the URL of each file.
        filenames: such as ``v5.3/train.parquet``, which lands in
            ``data_root/v5.3/train.parquet``.
        data_root: folder with one folder per release.
        clock: waits between tries.
        force: fetch again even if up to date.
        round_number: the round whose files are meant; None means the latest.
        into: folder for the files instead of ``data_root/VERSION``.
        timeout_seconds: for a connection, and between two pieces of data.
        deadline_seconds: how long one file may make no progress.
        progress: in bytes.

    Raises:
        ConfigError: if a name is invalid, or another process downloads there.
        DataError: if the disk is full.
        TournamentRefused: if a file does not exist or may not be fetched.
        TournamentBusy: if a file made no progress before the deadline.
    """
    files = []
    for filename in filenames:
        order = _order(filename, round_number, data_root=data_root, into=into)
        with locked(order.path.parent, doing="downloading"):
            transfer = Transfer(
                tournament,
                order,
                clock=clock,
                timeout_seconds=timeout_seconds,
                progress=progress,
            )
            known = _known(order)
            if force:
                known = None
                transfer.forget()
            received = transfer.run(known.etag if known else None, deadline_seconds)
            record = known if received is None else _keep(order, received, clock)
            if record is not None:
                files.append(_downloaded(order, record, was_current=record is known))
    return files


def _order(
    filename: str, round_number: int | None, *, data_root: Path, into: Path | None
) -> Order:
    # The name goes into a path: no folder but the release's, nothing hidden.
    match = re.fullmatch(r"(\w[\w.-]*)/(\w[\w.-]*)", filename)
    if match is None:
        raise ConfigError(
            f"{filename!r} is not a file of the tournament. Write RELEASE/FILE, such "
            "as v5.3/train.parquet."
        )
    release, name = match.groups()
    return Order(filename, round_number, (into or data_root / release) / name)


def _known(order: Order) -> FileRecord | None:
    """Return the record that proves what is on disk, None where nothing does."""
    record = read_records(order.path.parent).get(order.path.name)
    if record is None or not order.path.is_file():
        return None
    found = order.path.stat()
    is_asked = (record.filename, record.round_number) == (
        order.filename,
        order.round_number,
    )
    if not is_asked or found.st_size != record.size:
        return None
    if found.st_mtime_ns != record.modified_ns:
        if sha256_of(order.path) != record.sha256:
            return None
        record = record.model_copy(update={"modified_ns": found.st_mtime_ns})
        write_record(order.path, record)
    return record


def _keep(order: Order, received: Received, clock: Clock) -> FileRecord:
    with atomic_path(order.path) as partial:
        received.partial.replace(partial)
    record = FileRecord(
        filename=order.filename,
        round_number=order.round_number,
        size=received.size,
        sha256=received.sha256,
        etag=received.etag,
        rows=received.contents.rows,
        eras=received.contents.eras,
        fetched_at=format_time(clock.now()),
        modified_ns=order.path.stat().st_mtime_ns,
    )
    write_record(order.path, record)
    return record


def _downloaded(
    order: Order, record: FileRecord, *, was_current: bool
) -> DownloadedFile:
    return DownloadedFile(
        filename=order.filename,
        path=order.path,
        bytes=record.size,
        sha256=record.sha256,
        rows=record.rows,
        eras=record.eras,
        was_current=was_current,
    )
