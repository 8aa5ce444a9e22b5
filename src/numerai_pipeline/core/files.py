"""Files that appear whole or not at all, and checksums that prove it.

``atomic_path`` and ``atomic_folder`` are the only ways by which this product
puts a finished file or folder into place.
"""

import glob
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from numerai_pipeline.core.errors import ConfigError, DataError

# Marks what a killed process may leave behind; swept by the next writer.
PARTIAL_SUFFIX = ".partial"

# Marks the folder that is being replaced.
_OLD = "old"

_CHUNK_BYTES = 1 << 20


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` when the block ends well.

    The file is flushed to disk before it is renamed; after an error or a kill
    ``path`` is what it was before.

    >>> folder = getfixture("tmp_path")
    >>> with atomic_path(folder / "a.txt") as partial:
    ...     _ = partial.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}{PARTIAL_SUFFIX}")
    try:
        with _named(path):
            yield partial
            flush(partial)
            partial.replace(path)
            _flush_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, key: str | None = None) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    A folder that stands at ``path`` is replaced. Leftovers of killed writers of
    the same folder are removed first, so call this under ``locked``.

    Args:
        path: the folder.
        key: names the work in at most 64 letters and digits. What a writer that was
            killed or interrupted, or had no more room, has left is handed to the next
            one with its key. After another error nothing is left in any case.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path, key or uuid4().hex[:8])
    heal_folder(path)
    for leftover in leftovers_of(path):
        if leftover != partial:
            shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(exist_ok=True)
    try:
        with _named(path):
            yield partial
            for file in sorted(partial.rglob("*")):
                if file.is_file():
                    flush(file)
            _put_in_place(partial, path)
    except Exception as error:
        # A full disk is no reason to lose what is on it already.
        if not isinstance(error, OSError):
            shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        if key is None:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the path to disk errors that lack one, as errors of writing do."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def heal_folder(path: Path) -> None:
    """Undo what a kill at the moment of putting a folder into place has left.

    Between the two renames there is none at ``path``: the old one is put back. After
    them the old one is still beside it: it is deleted.
    """
    old = _beside(path, _OLD)
    if not old.exists():
        return
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.replace(path)


def kept_folder(path: Path, key: str) -> Path:
    """Return where ``atomic_folder`` with a key keeps what is not finished."""
    return _beside(path, key)


def leftovers_of(path: Path) -> list[Path]:
    """Return what killed or interrupted writers of a folder have left beside it."""
    start, end = f".{path.name}.", PARTIAL_SUFFIX
    return sorted(
        found
        for found in path.parent.glob(f"{glob.escape(start)}*{end}")
        if "." not in found.name[len(start) : -len(end)]  # else of another folder
    )


def _beside(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name}.{mark}{PARTIAL_SUFFIX}")


def _put_in_place(partial: Path, path: Path) -> None:
    if path.exists():
        old = _beside(path, _OLD)
        shutil.rmtree(old, ignore_errors=True)
        path.replace(old)
        try:
            partial.replace(path)
        except OSError:
            old.replace(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.replace(path)
    _flush_folder(path.parent)


@contextmanager
def locked(
    folder: Path, *, doing: str, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold a folder for one process at a time.

    Args:
        folder: what is to be written; the lock file stands beside it.
        doing: what the holder does, for the error of the second one.
        on_wait: the second one waits until the holder ends, after calling this with a
            sentence that says so. Without it the second one fails.

    Raises:
        ConfigError: if another process holds the folder, without ``on_wait``.
    """
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        found = f"another process is {doing} in {folder}"
        if on_wait is None:
            raise ConfigError(f"{found}. Wait until it ends, then rerun.") from None
        on_wait(f"{found}; waiting until it ends")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits, read in 1 MiB pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def digest_of(value: object) -> str:
    """Return the SHA-256 of a JSON-like value, the same for the same content.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8 with newlines as they stand."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole, indented for people."""
    write_text(path, json.dumps(value, indent=2, default=str) + "\n")


def read_json(path: Path, *, remedy: str = "Delete it and create it again.") -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        remedy: what to do if it is broken or missing, a sentence for the error.

    Raises:
        DataError: if the file is missing or is not JSON; it is named.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist. {remedy}") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not a file. {remedy}") from None
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or too deep
        raise DataError(f"{path} is not valid JSON ({error}). {remedy}") from error


def flush(path: Path) -> None:
    """Flush a file's content to disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
