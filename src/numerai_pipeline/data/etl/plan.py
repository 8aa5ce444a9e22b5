"""All that is decided before the first byte of a shard is written.

The columns, the split of every row, and what the work takes of disk and memory.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    Progress,
    columns,
    memory_bytes,
    show_bytes,
)
from numerai_pipeline.data.catalog import FeatureCatalog
from numerai_pipeline.data.etl.assignments import Assignment, assign_rows
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.etl.survey import IdCheck, Survey, check_count, survey
from numerai_pipeline.data.parquet.limits import (
    FileShape,
    Limits,
    limits_for,
    needed_bytes,
    peak_bytes,
)
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.shards.manifest import FeatureGroup
from numerai_pipeline.data.shards.packing import packed_width
from numerai_pipeline.data.shards.palettes import palette_of
from numerai_pipeline.data.shards.records import ID_BYTES
from numerai_pipeline.data.shards.writer import ROWS_PER_BLOCK

# By default an ETL takes 1 / DEFAULT_PART of the memory: the machine has other work,
# and free memory caches the files that are read.
DEFAULT_PART = 4

# Bytes of an Example in addition to its values, in either layout.
_OVERHEAD_BYTES = 100

# A block is collected, encoded and checked: as rows, as bytes, and as a copy of them.
_COPIES_OF_BLOCK = 4


@dataclass(frozen=True)
class Content:
    """The columns that are read of each file, in the order of the shards.

    Attributes:
        sources: the files; all have the columns.
        features: names of the features.
        groups: how many features each group has, where they are ordered by group.
        targets: names of the targets; none for live rows.
    """

    sources: Sequence[ParquetSource]
    features: tuple[str, ...]
    groups: tuple[FeatureGroup, ...]
    targets: tuple[str, ...]


def choose_content(
    catalog: FeatureCatalog, sources: Sequence[ParquetSource], options: EtlOptions
) -> Content:
    """Choose the columns by name.

    Raises:
        ConfigError: if an unknown set or target is named.
        DataError: if a file lacks a column.
    """
    features = catalog.columns(options.feature_set)
    groups: tuple[FeatureGroup, ...] = ()
    if options.order == "groups":
        of_group = catalog.groups(features)
        features = tuple(name for names in of_group.values() for name in names)
        groups = tuple(
            FeatureGroup(name=name, n_features=len(names))
            for name, names in of_group.items()
        )
    targets = () if options.is_live else catalog.select_targets(options.targets)
    for source in sources:
        source.require([columns.ERA, *features, *targets])
    return Content(sources, features, groups, targets)


@dataclass(frozen=True)
class Work:
    """The content of the shards.

    Attributes:
        content: the files and their columns.
        options: what was asked for.
        surveys: one per file.
        assignment: the split of every row.
        palettes: values of each target, ascending.
    """

    content: Content
    options: EtlOptions
    surveys: Sequence[Survey]
    assignment: Assignment
    palettes: Sequence[tuple[float, ...]]


def decide(content: Content, options: EtlOptions, progress: Progress) -> Work:
    """Survey the files and decide the split of every row.

    Raises:
        ConfigError: if a split would be empty.
        DataError: if a file is not one of a release.
    """
    ids = IdCheck(sum(source.n_rows for source in content.sources))
    surveys = []
    for source in content.sources:
        name = f"surveying {source.path.name}"
        with progress.task(name, source.n_rows, "rows") as advance:
            surveys.append(
                survey(
                    source,
                    content.targets,
                    ids=ids,
                    advance=advance,
                    is_live=options.is_live,
                    keep=content.targets[0] if options.balance else None,
                )
            )
    ids.check(content.sources)
    seen = [
        frozenset().union(*of_target)
        for of_target in zip(*(found.values for found in surveys), strict=True)
    ]
    for name, values in zip(content.targets, seen, strict=True):
        check_count(", ".join(str(s.path) for s in content.sources), name, len(values))
    return Work(
        content=content,
        options=options,
        surveys=surveys,
        assignment=assign_rows(surveys, options, content.targets),
        palettes=[palette_of(values) for values in seen],
    )


@dataclass(frozen=True)
class Plan:
    """How the work will be done, and with what.

    Attributes:
        n_rows: rows of all splits.
        row_bytes: bytes of a row on disk.
        free_bytes: room on the disk.
        max_ram_bytes: memory that the work may take.
        ram_bytes: memory that it is expected to take, the process included.
        limits: how the files are decoded, so that it does.
        most_rows: rows of the largest window of row groups.
        scratch_bytes: of temporary files for windows that are too large for memory.
    """

    n_rows: int
    row_bytes: int
    free_bytes: int
    max_ram_bytes: int
    ram_bytes: int
    limits: Limits
    most_rows: int
    scratch_bytes: int

    def lines(self) -> Sequence[str]:
        """Return the plan for people, one sentence per line."""
        detour = (
            f", through {show_bytes(self.scratch_bytes)} of temporary files"
            if self.scratch_bytes
            else ""
        )
        return (
            f"{self.n_rows:,} rows of {self.row_bytes:,} bytes will take "
            f"{show_bytes(self.n_rows * self.row_bytes)} on disk "
            f"({show_bytes(self.free_bytes)} are free).",
            f"{self.limits.n_workers} threads decode {self.most_rows:,} rows at a time"
            f"{detour}: about {show_bytes(self.ram_bytes)} of memory, of the "
            f"{show_bytes(self.max_ram_bytes)} that it may take.",
        )


def make_plan(work: Work, folder: Path, max_ram_bytes: int | None) -> Plan:
    """Plan the work.

    Args:
        work: what is to be written; its files are open and surveyed.
        folder: where the shards go; it may be missing, or hold some of them.
        max_ram_bytes: memory that the work may take; None: a quarter of the
            machine's.

    Raises:
        ConfigError: if the memory is too little.
        DataError: if the disk is too small.
    """
    n_rows = sum(int(np.count_nonzero(codes)) for codes in work.assignment.codes)
    row_bytes = _row_bytes(work)
    folder.parent.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(folder.parent).free
    max_ram = max_ram_bytes or memory_bytes() // DEFAULT_PART
    shape = _shape(work)
    taken = _memory_of_process() + _COPIES_OF_BLOCK * ROWS_PER_BLOCK * row_bytes
    try:
        limits = limits_for(max_ram - taken, shape)
    except ValueError:
        raise ConfigError(
            f"{show_bytes(max_ram)} of memory are too little for these files, which "
            f"take {show_bytes(taken + needed_bytes(shape))} at least. "
            "Raise --max-ram, or pack fewer features (--feature-set)."
        ) from None
    width = packed_width(shape.n_features)
    detours = [
        rows * width for rows in shape.window_rows if rows * width > limits.plane_bytes
    ]
    scratch_bytes = 2 * max(detours, default=0)  # two windows at a time
    _check_disk(folder, n_rows * row_bytes, scratch_bytes, free_bytes)
    return Plan(
        n_rows=n_rows,
        row_bytes=row_bytes,
        free_bytes=free_bytes,
        max_ram_bytes=max_ram,
        ram_bytes=taken + peak_bytes(shape, limits),
        limits=limits,
        most_rows=max(shape.window_rows, default=0),
        scratch_bytes=scratch_bytes,
    )


def _check_disk(
    folder: Path, shards_bytes: int, scratch_bytes: int, free_bytes: int
) -> None:
    there = sum(path.stat().st_size for path in folder.glob("*"))
    if shards_bytes + scratch_bytes - there > free_bytes:
        detour = (
            f" and temporary files {show_bytes(scratch_bytes)}" if scratch_bytes else ""
        )
        raise DataError(
            f"{folder.parent} has {show_bytes(free_bytes)} free, but the shards take "
            f"{show_bytes(shards_bytes)}{detour}. Make room, choose another disk "
            "(--dir), fewer features (--feature-set) or fewer eras (--eras-subset)."
        )


def _shape(work: Work) -> FileShape:
    """Return the shape of all files as if they were one.

    Their footers are in the memory of the process already.
    """
    shapes = [
        FileShape.of(source, work.content.features, work.content.targets)
        for source in work.content.sources
    ]
    return replace(
        shapes[0],
        window_rows=tuple(rows for shape in shapes for rows in shape.window_rows),
        bytes_a_value=max(shape.bytes_a_value for shape in shapes),
        footer_bytes=0,
    )


def _row_bytes(work: Work) -> int:
    n_features, n_targets = len(work.content.features), len(work.content.targets)
    if work.options.layout == "rows":
        return 4 * (n_features + n_targets) + ID_BYTES + _OVERHEAD_BYTES
    return packed_width(n_features) + n_targets + ID_BYTES


def _memory_of_process() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
