"""The data files: where they lie, and those of a round made when first asked for.

Releases share most files on disk; see ``Market.stored_as``.

```
FOLDER/files/v5.3/train.parquet          written once, when the folder is made
FOLDER/live/580/v5.3/live.parquet        written when round 580 is asked for
```
"""

import threading
from pathlib import Path

from numerai_simulator.errors import Refusal
from numerai_simulator.market import (
    ALIASES,
    LIVE_FILES,
    SILENT,
    VERSIONS,
    Market,
    Progress,
)
from numerai_simulator.storage import atomic_folder


class Files:
    """The data files of one simulated tournament."""

    def __init__(self, folder: Path, market: Market) -> None:
        self._static = folder / "files"
        self._live = folder / "live"
        self._market = market
        self._making = threading.Lock()

    def write(self, *, progress: Progress = SILENT) -> None:
        """Write the market's files if they do not stand there, whole."""
        if not self._static.is_dir():
            with atomic_folder(self._static) as partial:
                self._market.write(partial, progress=progress)

    def names(self) -> list[str]:
        """Return the names of all files, such as ``v5.3/train.parquet``, sorted."""
        return sorted(
            name for version in VERSIONS for name in self._market.files(version)
        )

    def address(self, name: str, round_number: int) -> str:
        """Return the path under which the server hands out a file.

        Args:
            name: such as ``v5.3/live.parquet``, or an alias.
            round_number: the round whose live data is meant; all else is the same
                in every round.

        Raises:
            Refusal: if no file has that name.
        """
        name = ALIASES.get(name, name)
        if name not in self.names():
            raise Refusal(f"There is no dataset {name!r}. See listDatasets.")
        return f"files/live/{round_number}/{name}" if is_live(name) else f"files/{name}"

    def find(self, name: str) -> Path | None:
        """Return a file that is the same in every round, None if there is none."""
        if name not in self.names() or is_live(name):
            return None
        return self._static / self._market.stored_as(name)

    def find_live(self, name: str, round_number: int) -> Path | None:
        """Return a file of a round that has opened, made if need be.

        Returns:
            None if no live file has that name.
        """
        if name not in self.names() or not is_live(name):
            return None
        folder = self._live / str(round_number)
        path = folder / self._market.stored_as(name)
        with self._making:
            if not path.is_file():
                version = name.partition("/")[0]
                self._market.write_live(folder, version, round_number)
        return path


def is_live(name: str) -> bool:
    """Return whether a file changes from round to round.

    >>> is_live("v5.3/live_example_preds.csv"), is_live("v5.3/train.parquet")
    (True, False)
    """
    return ALIASES.get(name, name).partition("/")[2] in LIVE_FILES
