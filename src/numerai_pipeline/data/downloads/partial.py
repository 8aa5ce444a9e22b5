"""Bytes of a file that are on disk before all of them are, and which file's.

A partial file's name is bound to the round and to the version that the server names
(ETag), so that bytes of two versions never meet:

```
.live.parquet.1000-3f9a61c2.partial
```
"""

import hashlib
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from numerai_pipeline.core import Advance, DataError, Progress


@dataclass(frozen=True)
class Order:
    """A file that is wanted, and where.

    Attributes:
        filename: as the tournament names it.
        round_number: the round whose file is meant, None: the latest.
        path: where it is to stand.
    """

    filename: str
    round_number: int | None
    path: Path

    def partial(self, version: "Version") -> Path:
        """Return where the bytes of a version are collected."""
        asked = "latest" if self.round_number is None else self.round_number
        mark = hashlib.sha256((version.etag or "").encode()).hexdigest()[:8]
        return self.path.with_name(f".{self.path.name}.{asked}-{mark}.partial")

    def sweep(self, *, keep: Path | None = None) -> None:
        """Delete what other versions, and killed writers, left behind."""
        for leftover in self.path.parent.glob(f".{self.path.name}.*.partial"):
            if leftover != keep:
                leftover.unlink()

    def check_room(self, n_missing: int) -> None:
        """Check that the disk has room for the missing bytes.

        Raises:
            DataError: if it does not.
        """
        free = shutil.disk_usage(self.path.parent).free
        if n_missing > free:
            raise DataError(
                f"{self.filename} needs {n_missing:,} more bytes, but "
                f"{self.path.parent} has {free:,} left. Make room or choose another "
                "disk, then rerun."
            )


@dataclass(frozen=True)
class Version:
    """What the server says of a file before it sends it: its ETag and its bytes."""

    etag: str | None
    size: int | None

    @classmethod
    def of(cls, response: httpx.Response) -> "Version":
        """Read the headers of an answer with the whole file."""
        length = response.headers.get("content-length", "")
        return cls(
            etag=usable_etag(response.headers.get("etag")),
            # int() refuses thousands of digits, and no file has as many bytes.
            size=int(length) if length.isdecimal() and len(length) < 20 else None,
        )

    @property
    def can_resume(self) -> bool:
        """Whether the bytes of two connections can be put together.

        A weak ETag promises the same meaning, not the same bytes.
        """
        return (
            self.size is not None
            and self.etag is not None
            and not self.etag.startswith("W/")
        )

    def resumes_at(self, n_there: int) -> bool:
        """Whether so many bytes can be the beginning of this version."""
        return self.can_resume and 0 < n_there <= (self.size or 0)


def usable_etag(etag: str | None) -> str | None:
    """Return an ETag that can be sent back in a header, None for any other."""
    return etag if etag and etag.isascii() and etag.isprintable() else None


class Meter:
    """Shows how many bytes are there, also where a transfer starts over."""

    def __init__(self, description: str, progress: Progress) -> None:
        self._description = description
        self._progress = progress
        self._stack = ExitStack()
        self._advance: Advance | None = None
        self._shown = 0

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def show(self, position: int, total: int | None) -> None:
        """Show how many bytes have arrived, of how many."""
        if self._advance is None:
            self._advance = self._stack.enter_context(
                self._progress.task(self._description, total, "bytes")
            )
        self._advance(position - self._shown)
        self._shown = position


def digest_of_file(path: Path) -> "hashlib._Hash":
    """Return the running SHA-256 of what a partial file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")
