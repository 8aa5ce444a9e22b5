"""Files and folders that appear whole or not at all, and the lock on a folder."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from numerai_simulator.errors import BrokenFolder, SetupError

# Marks what a killed process may leave behind.
_PARTIAL = ".partial"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` when the block ends well.

    >>> folder = getfixture("tmp_path")
    >>> with atomic_path(folder / "a.txt") as partial:
    ...     _ = partial.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}{_PARTIAL}")
    try:
        with _naming(path):
            yield partial
            _flush(partial)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path``, which must not exist yet.

    What a killed writer of the same folder has left is removed first, so call this
    while the folder is locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{path.name}.*{_PARTIAL}"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}{_PARTIAL}")
    partial.mkdir()
    try:
        with _naming(path):
            yield partial
            for file in partial.rglob("*"):
                if file.is_file():
                    _flush(file)
            partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one process at a time; the lock file stands beside it.

    Raises:
        SetupError: if another process holds the folder.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SetupError(
            f"another process is simulating a tournament in {folder}. Wait until it "
            "ends, then rerun."
        ) from None
    try:
        yield
    finally:
        lock.release()


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole, indented for people."""
    with atomic_path(path) as partial:
        text = json.dumps(value, indent=2) + "\n"
        partial.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        BrokenFolder: if it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or too deep
        raise BrokenFolder(
            f"{path} is not valid JSON ({error}). Delete the folder {path.parent} to "
            "begin a new simulated tournament."
        ) from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Add the path to disk errors that name none, such as those of writing."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
