"""What an ETL will take of disk and memory, told before it starts."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numerai_pipeline.core import DataError, show_bytes
from numerai_pipeline.data.etl.work import Work
from numerai_pipeline.data.shards.packing import packed_width
from numerai_pipeline.data.shards.records import ID_BYTES

# A quarter of the machine: it has other work, and its cache of files makes ours fast.
DEFAULT_SHARE = 4

# Of an Example beside its values, in either layout and with a block of its own.
_OVERHEAD_BYTES = 100


@dataclass(frozen=True)
class Plan:
    """How the work will be done, and with what.

    Attributes:
        n_rows: rows of all splits.
        n_bytes: bytes of the shards, of which some may be there already.
        free_bytes: room on the disk.
    """

    n_rows: int
    n_bytes: int
    free_bytes: int
    limits: object = None

    def lines(self) -> list[str]:
        """Return the plan for people, a sentence a line."""
        return [
            f"{self.n_rows:,} rows will take {show_bytes(self.n_bytes)} on disk "
            f"({show_bytes(self.free_bytes)} are free)."
        ]


def make_plan(work: Work, folder: Path, max_ram_bytes: int | None) -> Plan:
    """Plan the work.

    Args:
        work: what is to be written.
        folder: where the shards go; some of them may be there.
        max_ram_bytes: memory that the work may take; None: a quarter of the
            machine's.

    Raises:
        ConfigError: if the memory is too little.
        DataError: if the disk is too small.
    """
    n_rows = sum(int(np.count_nonzero(sides)) for sides in work.assignment.sides)
    n_bytes = n_rows * _row_bytes(work)
    there = sum(path.stat().st_size for path in folder.iterdir())
    free = shutil.disk_usage(folder).free
    if n_bytes - there > free:
        raise DataError(
            f"{folder.parent} has {show_bytes(free)} free, but the shards take "
            f"{show_bytes(n_bytes)}: {n_rows:,} rows of {_row_bytes(work):,} bytes. "
            "Make room, choose another disk (--dir), fewer features (--feature-set) or "
            "fewer eras (--eras-subset)."
        )
    return Plan(n_rows, n_bytes, free)


def _row_bytes(work: Work) -> int:
    n_features, n_targets = len(work.content.features), len(work.content.targets)
    if work.options.layout == "rows":
        return 4 * (n_features + n_targets) + ID_BYTES + _OVERHEAD_BYTES
    return packed_width(n_features) + n_targets + ID_BYTES
