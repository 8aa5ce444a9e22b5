"""Parquet -> shards, streaming, in bounded memory."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import (
    SILENT,
    ConfigError,
    DataError,
    Frozen,
    Positive,
    Progress,
    atomic_folder,
    columns,
    digest_of,
    locked,
    sha256_of,
)
from numerai_pipeline.data.catalog import ALL_TARGETS, FeatureCatalog
from numerai_pipeline.data.downloads.records import read_records
from numerai_pipeline.data.etl.splits import (
    EraSplit,
    hold_out_latest,
    purged,
)
from numerai_pipeline.data.etl.survey import (
    Survey,
    survey,
)
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.parquet.windows import Strip, packed_strips
from numerai_pipeline.data.shards.manifest import (
    LAYOUT,
    SHARD_MANIFEST,
    Dropped,
    ShardManifest,
    SourceFile,
    SplitEntry,
    TargetPalette,
)
from numerai_pipeline.data.shards.packing import packed_width
from numerai_pipeline.data.shards.palettes import PaletteCoder, palette_of
from numerai_pipeline.data.shards.writer import SHARD_SUFFIX, SplitWriter

CATALOG = "features.json"

SourceName = Literal["train", "validation"]


class EtlOptions(Frozen):
    """What goes into the shards, and on which side."""

    data_version: str = Field(default="v5.3", description="the data release")
    sources: tuple[SourceName, ...] = Field(
        default=("train", "validation"), description="which Parquet files are read"
    )
    split: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the eras to hold out, the latest of all sources; "
        "None: the eras of validation.parquet are held out",
    )
    purge: int | None = Field(
        default=None,
        ge=0,
        description="eras dropped before the held-out ones; None: 8 if all targets "
        "look 20 days ahead, 16 if one looks 60",
    )
    feature_set: str = Field(default="all", description="a set of features.json")
    targets: tuple[str, ...] = Field(
        default=(ALL_TARGETS,), description="targets by name; a byte a row each"
    )
    rows_per_shard: Positive = Field(
        default=65_536,
        description="64 MB a file at full width: a hundred files for all history, "
        "and little to repeat when one is broken",
    )


def build_shards(
    data_folder: Path,
    shards_folder: Path,
    options: EtlOptions,
    *,
    progress: Progress = SILENT,
) -> ShardManifest:
    """Turn a release's Parquet files into packed shards.

    Nothing is done if the shards were made from the same files with the same
    options. The folder appears whole, in the place of an older one.

    Args:
        data_folder: the release's files as downloaded, ``features.json`` among them.
        shards_folder: folder for the shards and their manifest.
        options: what goes in.
        progress: told in rows.

    Returns:
        The manifest of the shards.

    Raises:
        ConfigError: if an unknown set or target is named, or the split and the purge
            leave nothing to train on or to hold out.
        DataError: if a file is missing or holds what no release holds.
    """
    catalog = FeatureCatalog.load(data_folder / CATALOG)
    features = catalog.columns(options.feature_set)
    targets = catalog.select_targets(options.targets)
    with ExitStack() as stack:
        stack.enter_context(locked(shards_folder, doing="making shards"))
        files = [data_folder / f"{name}.parquet" for name in options.sources]
        sources = [stack.enter_context(ParquetSource(path)) for path in files]
        for source in sources:
            source.require([columns.ERA, *features, *targets])
        read = tuple(_source_file(path) for path in [catalog.path, *files])
        fingerprint = digest_of(
            [LAYOUT, options.model_dump(), [file.model_dump() for file in read]]
        )
        current = _current(shards_folder, fingerprint)
        if current:
            progress.note(f"{shards_folder} is current: nothing to do.")
            return current
        _refuse_other_files(shards_folder)
        surveys = [_surveyed(source, targets, progress) for source in sources]
        split = _split_eras(surveys, options, targets)
        palettes = [
            palette_of(frozenset().union(*seen))
            for seen in zip(*(found.values for found in surveys), strict=True)
        ]
        with atomic_folder(shards_folder) as folder:
            pass_ = _FeaturePass(folder, features, targets, palettes, split, options)
            manifest = ShardManifest(
                layout=LAYOUT,
                fingerprint=fingerprint,
                data_version=options.data_version,
                options=options.model_dump(mode="json"),
                sources=read,
                features=features,
                targets=tuple(
                    TargetPalette(name=name, palette=palette)
                    for name, palette in zip(targets, palettes, strict=True)
                ),
                dropped=_dropped(surveys, split),
                splits=pass_.run(surveys, progress),
            )
            manifest.save(folder)
    return manifest


@dataclass(frozen=True)
class _FeaturePass:
    """The second pass over the files: everything, in their order, into shards."""

    folder: Path
    features: Sequence[str]
    targets: Sequence[str]
    palettes: Sequence[Sequence[float]]
    split: EraSplit
    options: EtlOptions

    def run(
        self, surveys: Sequence[Survey], progress: Progress
    ) -> dict[str, SplitEntry]:
        """Write all splits and return what was written."""
        with ExitStack() as stack:
            writers = {name: self._writer(name) for name in self.split.names}
            for writer in writers.values():
                stack.callback(writer.abort)
            for found in surveys:
                wanted = self._wanted(found)
                name = f"packing {found.source.path.name}"
                total = int(np.count_nonzero(wanted))
                with progress.task(name, total, "rows") as advance:
                    for strip in self._strips(found, wanted):
                        advance(self._write(strip, found, writers))
            return {name: writer.close() for name, writer in writers.items()}

    def _writer(self, name: str) -> SplitWriter:
        return SplitWriter(
            self.folder,
            name,
            width=packed_width(len(self.features)),
            n_targets=len(self.targets),
            rows_per_shard=self.options.rows_per_shard,
        )

    def _wanted(self, found: Survey) -> npt.NDArray[np.bool_]:
        wanted = found.has_target.copy()
        for rows in found.eras:
            if self.split.side(rows.era) is None:
                wanted[rows.start : rows.stop] = False
        return wanted

    def _strips(self, found: Survey, wanted: npt.NDArray[np.bool_]) -> Iterator[Strip]:
        return packed_strips(
            found.source,
            self.features,
            self.targets,
            code_target=PaletteCoder(self.palettes),
            scratch=self.folder,
            wanted=wanted,
        )

    def _write(
        self, strip: Strip, found: Survey, writers: dict[str, SplitWriter]
    ) -> int:
        """Hand the rows of each era to the split that it belongs to; count them."""
        end = strip.start + len(strip.ids)
        n_written = 0
        for era in found.eras:
            side = self.split.side(era.era)
            start, stop = max(era.start, strip.start), min(era.stop, end)
            if start >= stop or side is None:
                continue
            rows = slice(start - strip.start, stop - strip.start)
            planes, y, ids = strip.planes[:, rows], strip.y[:, rows], strip.ids[rows]
            keep = found.has_target[start:stop]
            if not keep.all():
                planes, y, ids = planes[:, keep], y[:, keep], ids[keep]
            writers[side].add(era.era, planes, y, ids)
            n_written += len(ids)
        return n_written


def _split_eras(
    surveys: Sequence[Survey], options: EtlOptions, targets: Sequence[str]
) -> EraSplit:
    """Decide the side of every era that has a target.

    Raises:
        ConfigError: if a side would be empty.
        DataError: if no row has a target, or files share an era.
    """
    of_source = {
        name: [rows.era for rows in found.eras if rows.kept]
        for name, found in zip(options.sources, surveys, strict=True)
    }
    eras = [era for found in of_source.values() for era in found]
    _check_order(surveys)
    if not eras:
        names = ", ".join(str(found.source.path) for found in surveys)
        raise DataError(
            f"no row of {names} has any of the targets {', '.join(targets[:3])}. "
            "Name others: `nai etl --target NAME`."
        )
    if options.split is not None:
        held_out = hold_out_latest(eras, share=options.split)
    elif len(of_source) == 1:
        train, valid = of_source.get("train", ()), of_source.get("validation", ())
        return EraSplit(train=tuple(train), purged=(), valid=tuple(valid))
    else:
        held_out = tuple(of_source["validation"])
    return purged(eras, held_out, purge=_purge_eras(options, targets))


def _purge_eras(options: EtlOptions, targets: Sequence[str]) -> int:
    if options.purge is not None:
        return options.purge
    return columns.purge_eras(tuple(targets))


def _check_order(surveys: Sequence[Survey]) -> None:
    for before, after in pairwise(found for found in surveys if found.eras):
        last, first = before.eras[-1].era, after.eras[0].era
        if first <= last:
            raise DataError(
                f"{after.source.path} begins with era {first:04d}, but "
                f"{before.source.path} ends with era {last:04d}: eras would be on both "
                "sides. Download both from the same release: `nai download --force`."
            )


def _surveyed(
    source: ParquetSource, targets: Sequence[str], progress: Progress
) -> Survey:
    name = f"surveying {source.path.name}"
    with progress.task(name, source.n_rows, "rows") as advance:
        return survey(source, targets, advance)


def _dropped(surveys: Sequence[Survey], split: EraSplit) -> Dropped:
    eras = [rows for found in surveys for rows in found.eras]
    return Dropped(
        rows_without_target=sum(rows.stop - rows.start - rows.kept for rows in eras),
        purged_eras=split.purged,
        purged_rows=sum(rows.kept for rows in eras if rows.era in split.purged),
    )


def _source_file(path: Path) -> SourceFile:
    """Return what identifies a file; its download's checksum while it is unchanged."""
    found = path.stat()
    record = read_records(path.parent).get(path.name)
    is_as_downloaded = (
        record is not None
        and record.size == found.st_size
        and record.modified_ns == found.st_mtime_ns
    )
    sha256 = record.sha256 if record and is_as_downloaded else sha256_of(path)
    if record is not None and record.sha256 != sha256:
        raise DataError(
            f"{path} is not what was downloaded: its checksum has changed. Run "
            "`nai download --force`, or delete the manifest.json beside it if the "
            "change is yours."
        )
    return SourceFile(name=path.name, bytes=found.st_size, sha256=sha256)


def _current(folder: Path, fingerprint: str) -> ShardManifest | None:
    """Return the manifest of shards that are whole and have this fingerprint."""
    try:
        manifest = ShardManifest.load(folder)
    except DataError:
        return None
    if manifest.fingerprint != fingerprint:
        return None
    for shard in manifest.shards:
        path = folder / shard.name
        if not path.is_file() or sha256_of(path) != shard.sha256:
            return None
    return manifest


def _refuse_other_files(folder: Path) -> None:
    """Refuse to replace a folder that is not one of shards."""
    if not folder.exists():
        return
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        if path.suffix != SHARD_SUFFIX and path.name != SHARD_MANIFEST:
            raise ConfigError(
                f"{folder} would be replaced by shards, but it holds {path.name}, "
                "which is none. Choose another folder, or move that file."
            )
