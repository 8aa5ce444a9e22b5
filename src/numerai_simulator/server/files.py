"""The data files: where they lie, and those of a round made when first asked for.

```
FOLDER/files/v5.3/train.parquet          written once, when the folder is made
FOLDER/files/v4.3/meta_model.parquet
FOLDER/live/580/v5.3/live.parquet        written when round 580 is asked for
```
"""

import threading
from pathlib import Path

from numerai_simulator.errors import Refusal
from numerai_simulator.market import (
    LIVE_FILES,
    META_MODEL_ALIAS,
    SILENT,
    Market,
    Progress,
)
from numerai_simulator.storage import atomic_folder

VERSIONS = ("v5.3", "v5.0")


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
                self._market.write(partial, VERSIONS, progress=progress)

    def names(self) -> list[str]:
        """Return the names of all files, such as ``v5.3/train.parquet``, sorted."""
        names = {META_MODEL_ALIAS}
        for version in VERSIONS:
            names.update(self._market.files(version))
        return sorted(names)

    def address(self, name: str, round_number: int) -> str:
        """Return the path under which the server hands out a file.

        Args:
            name: such as ``v5.3/live.parquet``.
            round_number: the round whose live data is meant; all else is the same
                in every round.

        Raises:
            Refusal: if there is no such file.
        """
        if name not in self.names():
            raise Refusal(f"There is no dataset {name!r}. See listDatasets.")
        return f"files/live/{round_number}/{name}" if is_live(name) else f"files/{name}"

    def find(self, name: str) -> Path | None:
        """Return a file that is the same in every round, None if there is none."""
        path = self._static / name
        known = name in self.names() and not is_live(name)
        return path if known and path.is_file() else None

    def find_live(self, name: str, round_number: int) -> Path | None:
        """Return a file of a round that has opened, made if need be.

        Returns:
            None if no live file has that name.
        """
        if name not in self.names() or not is_live(name):
            return None
        folder = self._live / str(round_number)
        with self._making:
            if not (folder / name).is_file():
                version = name.partition("/")[0]
                self._market.write_live(folder, version, round_number)
        return folder / name


def is_live(name: str) -> bool:
    """Tell whether a file changes from round to round.

    >>> is_live("v5.3/live_example_preds.csv"), is_live("v5.3/train.parquet")
    (True, False)
    """
    return name.partition("/")[2] in LIVE_FILES
