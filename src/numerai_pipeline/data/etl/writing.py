"""The second pass over the files: features, targets and ids into shard files.

Shard files are written one after the other, split by split, and each becomes a line of
a journal once it is on disk. After a kill, the next ETL keeps the files of the journal
that are still whole and writes all later rows again. The provenance decides every
byte, so the result is the same as without the kill.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from numerai_pipeline.core import (
    Progress,
    leftovers_of,
    sha256_of,
    write_json,
    write_text,
)
from numerai_pipeline.data.etl.assignments import NOWHERE, SplitCodes, code_of
from numerai_pipeline.data.etl.plan import Work
from numerai_pipeline.data.etl.survey import Survey
from numerai_pipeline.data.folds import SPLITS
from numerai_pipeline.data.parquet.limits import Limits
from numerai_pipeline.data.parquet.windows import Strip, packed_strips
from numerai_pipeline.data.shards.layouts import layout
from numerai_pipeline.data.shards.manifest import Provenance, ShardFile, SplitEntry
from numerai_pipeline.data.shards.palettes import PaletteCoder
from numerai_pipeline.data.shards.writer import SplitWriter

_PROVENANCE = "provenance.json"
_JOURNAL = "journal.jsonl"


class Journal:
    """The whole shard files of an unfinished folder.

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
            if path.name not in {*names, _PROVENANCE}:
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
        """Add a file that is on disk."""
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


def record_provenance(folder: Path, provenance: Provenance) -> None:
    """Write what an unfinished folder is made from."""
    write_json(folder / _PROVENANCE, provenance.model_dump(mode="json"))


def sweep(folder: Path) -> None:
    """Delete the files that only an unfinished folder has."""
    for name in (_JOURNAL, _PROVENANCE):
        (folder / name).unlink(missing_ok=True)


def abandoned(shards_folder: Path, provenance: Provenance) -> list[str]:
    """Return what has changed since an unfinished run for the same folder.

    Returns:
        One phrase per change; empty if there is none or it can resume.
    """
    for leftover in leftovers_of(shards_folder):
        try:
            text = (leftover / _PROVENANCE).read_text(encoding="utf-8")
            content: Any = json.loads(text)
            before = Provenance.model_validate(content)
        except (OSError, ValueError, RecursionError):
            continue
        if before.fingerprint != provenance.fingerprint:
            return provenance.changes_since(before)
    return []


def _line(split: str, shard: ShardFile) -> str:
    return json.dumps({"split": split, "shard": shard.model_dump(mode="json")}) + "\n"


def write_splits(
    folder: Path,
    work: Work,
    *,
    journal: Journal,
    limits: Limits,
    progress: Progress,
) -> dict[str, SplitEntry]:
    """Write the shard files of all splits that the journal does not have yet.

    Args:
        folder: where they go.
        work: what is to be written.
        journal: the files that are whole already; receives every new one.
        limits: of the memory for decoding.
        progress: in rows.

    Returns:
        The content of each split, the files of the journal included.
    """
    content, assignment = work.content, work.assignment
    all_codes = _without_done(assignment.codes, journal)
    with ExitStack() as stack:
        writers = {}
        for name in assignment.splits:
            writer = SplitWriter(
                folder,
                name,
                layout=layout(
                    work.options.layout,
                    n_features=len(content.features),
                    palettes=work.palettes,
                ),
                rows_per_shard=work.options.rows_per_shard,
                per_era=work.options.shard_per_era,
                done=journal.done[name],
                closed=partial(journal.add, name),
            )
            stack.callback(writer.abort)
            writers[name] = writer
        by_code = {code_of(name): writer for name, writer in writers.items()}
        for found, codes in zip(work.surveys, all_codes, strict=True):
            total = int(np.count_nonzero(codes))
            name = f"packing {found.source.path.name}"
            with progress.task(name, total, "rows") as advance:
                for strip in packed_strips(
                    found.source,
                    content.features,
                    content.targets,
                    code_target=PaletteCoder(work.palettes),
                    scratch=folder,
                    wanted=codes != NOWHERE,
                    limits=limits,
                ):
                    advance(_write(strip, found, codes, by_code))
        return {name: writer.close() for name, writer in writers.items()}


def _without_done(
    all_codes: Sequence[SplitCodes], journal: Journal
) -> list[SplitCodes]:
    """Remove the rows of files that are whole: the first ones of their split."""
    left = []
    n_done = {
        code_of(split): sum(shard.rows for shard in shards)
        for split, shards in journal.done.items()
    }
    for codes in all_codes:
        remaining = codes.copy()
        for code, rows in n_done.items():
            done = np.flatnonzero(codes == code)[:rows]
            remaining[done] = NOWHERE
            n_done[code] -= len(done)
        left.append(remaining)
    return left


def _write(
    strip: Strip, found: Survey, codes: SplitCodes, writers: dict[int, SplitWriter]
) -> int:
    """Add the rows of each era to their splits; return how many there were."""
    n_written = 0
    for era, start, stop in _pieces(strip, found):
        of_rows = codes[start:stop]
        rows = slice(start - strip.start, stop - strip.start)
        x, y, ids = strip.x[rows], strip.y[:, rows], strip.ids[rows]
        for code, writer in writers.items():
            chosen = of_rows == code
            n_chosen = int(np.count_nonzero(chosen))
            if n_chosen == len(of_rows):
                writer.add(era, x, y, ids)
            elif n_chosen:
                writer.add(era, x[chosen], y[:, chosen], ids[chosen])
            n_written += n_chosen
    return n_written


def _pieces(strip: Strip, found: Survey) -> Iterator[tuple[int, int, int]]:
    """Yield each era of a strip with its first and last row (exclusive) in the file."""
    end = strip.start + len(strip.ids)
    for era in found.eras:
        start, stop = max(era.start, strip.start), min(era.stop, end)
        if start < stop:
            yield era.era, start, stop
