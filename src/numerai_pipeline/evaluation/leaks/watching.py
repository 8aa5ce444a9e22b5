"""Which files of rows a training opens beside its own shards.

A user's family is Python: it can read later eras from the folders of the workspace,
which no change of the shards that it is handed would show. Python reports each file
that it opens; files opened inside a C++ library are not reported.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

# Shards and Parquet: the files that hold features and targets.
_ROWS = (".tfr", ".parquet")


class Watch:
    """The files of rows opened while it is on.

    Args:
        folders: where they are looked for, with the folders in them.
        own: a folder whose files may be opened.
    """

    def __init__(self, folders: tuple[Path, ...], own: Path) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._own = own.resolve()
        self.opened: set[Path] = set()

    def see(self, name: str) -> None:
        """Take a file that was opened."""
        if not name.endswith(_ROWS):
            return
        path = Path(name).resolve()
        is_known = any(path.is_relative_to(folder) for folder in self._folders)
        if is_known and not path.is_relative_to(self._own):
            self.opened.add(path)


_watches: list[Watch] = []


@contextmanager
def watching(folders: tuple[Path, ...], own: Path) -> Iterator[Watch]:
    """Give a watch that sees the files opened inside the block."""
    _install()
    watch = Watch(folders, own)
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)


@cache
def _install() -> None:
    """Ask Python for its reports; a hook stays for the rest of the process."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watches and event == "open" and isinstance(arguments[0], str | os.PathLike):
        for watch in _watches:
            watch.see(os.fspath(arguments[0]))
