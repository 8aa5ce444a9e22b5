"""Which files of rows a training opens beside its own shards.

A user's family is Python: it can read later eras from the folders of the workspace,
which no change of the shards that it is handed would show. Python reports each file
that it opens itself; what a C++ library opens, as pandas does to read Parquet, the
kernel reports, on Linux.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

# Shards and Parquet: the files that hold features and targets.
_ROWS = (".tfr", ".parquet")

# inotify(7): a file in the folder was opened; watch, mask, cookie, length of the name.
_IN_OPEN = 0x20
_EVENT = struct.Struct("iIII")
_BUFFER_BYTES = 1 << 16


class Watch:
    """The files of rows opened while it is on.

    Args:
        folders: where they are looked for, with the folders in them.
        own: folders or files that may be opened.
    """

    def __init__(self, folders: Sequence[Path], own: Sequence[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._own = [path.resolve() for path in own]
        self.opened: set[Path] = set()

    def see(self, name: str) -> None:
        """Take a file that was opened."""
        if not name.endswith(_ROWS):
            return
        path = Path(name).resolve()
        is_known = any(path.is_relative_to(folder) for folder in self._folders)
        if is_known and not any(path.is_relative_to(own) for own in self._own):
            self.opened.add(path)

    def folders(self) -> list[Path]:
        """Return the folders that hold such files."""
        files = (path for top in self._folders for path in top.rglob("*"))
        return sorted({path.parent for path in files if path.suffix in _ROWS})


_watches: list[Watch] = []


@contextmanager
def watching(
    folders: Sequence[Path], own: Sequence[Path], *, any_process: bool = False
) -> Iterator[Watch]:
    """Give a watch that sees the files opened inside the block.

    Args:
        folders: see ``Watch``.
        own: see ``Watch``.
        any_process: also what libraries open past Python, where the system reports it;
            it reports what other processes open as well.
    """
    _install()
    watch = Watch(folders, own)
    handle = _inotify(watch.folders()) if any_process else None
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)
        if handle is not None:
            for path in _opened(*handle):
                watch.see(path)
            os.close(handle[0])


def sees_libraries() -> bool:
    """Return whether the system reports what libraries open."""
    return hasattr(ctypes.CDLL(None), "inotify_init1") if os.name != "nt" else False


@cache
def _install() -> None:
    """Ask Python for its reports; a hook stays for the rest of the process."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watches and event == "open" and isinstance(arguments[0], str | os.PathLike):
        for watch in _watches:
            watch.see(os.fspath(arguments[0]))


def _inotify(folders: Sequence[Path]) -> tuple[int, dict[int, Path]] | None:
    """Watch folders; return the handle and which folder each of its numbers means."""
    if not sees_libraries():
        return None
    libc = ctypes.CDLL(None)
    handle: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if handle < 0:
        return None
    add = libc.inotify_add_watch
    return handle, {add(handle, os.fsencode(each), _IN_OPEN): each for each in folders}


def _opened(handle: int, folders: dict[int, Path]) -> Iterator[str]:
    """Yield the files that were opened in the watched folders."""
    while True:
        try:
            events = os.read(handle, _BUFFER_BYTES)
        except BlockingIOError:
            return
        start = 0
        while start < len(events):
            number, _, _, length = _EVENT.unpack_from(events, start)
            start += _EVENT.size + length
            name = events[start - length : start].rstrip(b"\0")
            if number in folders:
                yield str(folders[number] / os.fsdecode(name))
