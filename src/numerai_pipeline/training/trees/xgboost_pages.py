"""The folder of XGBoost's pages on disk, which lasts as long as the process at most."""

import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from numerai_pipeline.core import ConfigError, show_bytes

_NAME = "xgboost-pages"


class PagesFolder:
    """An empty folder that this process holds until it is deleted.

    Args:
        cache: folder in which it is made.
        needed_bytes: what is going to be written.

    Raises:
        ConfigError: if the disk has no room for it.
    """

    def __init__(self, cache: Path, needed_bytes: int) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache).free
        if needed_bytes > free:
            raise ConfigError(
                f"XGBoost needs about {show_bytes(needed_bytes)} of disk in {cache} "
                f"while it trains, and {show_bytes(free)} are free. Free some, or "
                "raise --max-ram."
            )
        self.path = cache / f"{_NAME}-{uuid4().hex[:8]}"
        # First the lock, then the folder: a folder whose lock is free is left over.
        self._lock = _lock(self.path)
        self._lock.acquire()
        self.path.mkdir()

    def delete(self) -> None:
        """Delete it with all that is in it."""
        _delete(self.path)
        self._lock.release()


def sweep(cache: Path) -> None:
    """Delete what killed processes have left: folders that nobody holds."""
    for folder in cache.glob(f"{_NAME}-*/"):
        with suppress(Timeout), _lock(folder).acquire(timeout=0):
            _delete(folder)


def _lock(folder: Path) -> FileLock:
    return FileLock(_lock_path(folder))


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _delete(folder: Path) -> None:
    """Delete a folder and its lock, which is held."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Windows deletes no open file
        _lock_path(folder).unlink()
