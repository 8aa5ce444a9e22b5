"""What a killed ETL leaves, and how the next one goes on from there.

Shard files are written one after the other, split by split, and each is a line in a
journal once it is on disk. The files of the journal that are still whole are kept;
all rows after theirs are written again. Since the origin decides every byte, the end
is the same as without the kill.
"""

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from numerai_pipeline.core import leftovers_of, sha256_of, write_json, write_text
from numerai_pipeline.data.folds import SPLITS
from numerai_pipeline.data.shards.manifest import Origin, ShardFile

_ORIGIN = "origin.json"
_JOURNAL = "journal.jsonl"


class Journal:
    """The whole shard files of a folder that is not finished.

    Args:
        folder: the folder; the files named by its journal are compared with their
            checksums.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _JOURNAL
        self.done: dict[str, list[ShardFile]] = defaultdict(list)
        whole = list(self._whole())
        for split, shard in whole:
            self.done[split].append(shard)
        names = {shard.name for _, shard in whole}
        for path in folder.iterdir():
            if path.name not in {*names, _ORIGIN}:
                path.unlink()
        write_text(self._path, "".join(_line(*entry) for entry in whole))

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole files."""
        return sum(shard.bytes for shards in self.done.values() for shard in shards)

    @property
    def n_files(self) -> int:
        """How many files are whole."""
        return sum(len(shards) for shards in self.done.values())

    def add(self, split: str, shard: ShardFile) -> None:
        """Note that a file is on disk."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(split, shard))
            file.flush()
            os.fsync(file.fileno())

    def _whole(self) -> Sequence[tuple[str, ShardFile]]:
        if not self._path.is_file():
            return []
        whole: list[tuple[str, ShardFile]] = []
        broken: set[str] = set()
        text = self._path.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            try:
                content = json.loads(line)
                split, shard = content["split"], ShardFile(**content["shard"])
            except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
                break  # cut by the kill
            if split not in SPLITS:
                break
            path = self._folder / shard.name
            if not path.is_file() or sha256_of(path) != shard.sha256:
                broken.add(split)
            if split not in broken:  # each split is whole up to some file
                whole.append((split, shard))
        return whole


def remember_origin(folder: Path, origin: Origin) -> None:
    """Write down what an unfinished folder is made from."""
    write_json(folder / _ORIGIN, origin.model_dump(mode="json"))


def sweep(folder: Path) -> None:
    """Take away what only an unfinished folder has."""
    for name in (_JOURNAL, _ORIGIN):
        (folder / name).unlink(missing_ok=True)


def abandoned(shards_folder: Path, origin: Origin) -> list[str]:
    """Tell what has changed since an unfinished run for the same folder.

    Returns:
        One phrase a change; empty if there is no such run or it can go on.
    """
    for leftover in leftovers_of(shards_folder):
        try:
            content: Any = json.loads((leftover / _ORIGIN).read_text(encoding="utf-8"))
            before = Origin.model_validate(content)
        except (OSError, ValueError, RecursionError):
            continue
        if before.fingerprint != origin.fingerprint:
            return origin.changes_since(before)
    return []


def _line(split: str, shard: ShardFile) -> str:
    return json.dumps({"split": split, "shard": shard.model_dump(mode="json")}) + "\n"
