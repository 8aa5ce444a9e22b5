"""Parquet -> shards, streaming, in bounded memory."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
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
from numerai_pipeline.data.download_manifest import read_records
from numerai_pipeline.data.manifest import (
    LAYOUT,
    Dropped,
    ShardManifest,
    SourceFile,
    SplitEntry,
    TargetPalette,
)
from numerai_pipeline.data.packing import packed_width
from numerai_pipeline.data.shards import SplitWriter
from numerai_pipeline.data.source import ParquetSource
from numerai_pipeline.data.splits import (
    TRAIN,
    VALID,
    EraSplit,
    hold_out_latest,
    purged,
)
from numerai_pipeline.data.survey import (
    EraRows,
    PaletteCoder,
    Survey,
    merge_palettes,
    survey,
)
from numerai_pipeline.data.windows import Strip, packed_strips

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
        surveys = [_surveyed(source, targets, progress) for source in sources]
        split = _split(surveys, options, targets)
        palettes = merge_palettes(surveys)
        with atomic_folder(shards_folder) as folder:
            splits = _Transformation(
                folder, features, targets, PaletteCoder(palettes), split, options
            ).run(surveys, progress)
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
                splits=splits,
            )
            manifest.save(folder)
    return manifest


@dataclass(frozen=True)
class _Transformation:
    """The second pass: features, in the order of the files."""

    folder: Path
    features: Sequence[str]
    targets: Sequence[str]
    coder: PaletteCoder
    split: EraSplit
    options: EtlOptions

    def run(
        self, surveys: Sequence[Survey], progress: Progress
    ) -> dict[str, SplitEntry]:
        """Write all splits and return what was written."""
        names = [name for name in (TRAIN, VALID) if getattr(self.split, name)]
        with ExitStack() as stack:
            writers = {name: self._writer(name) for name in names}
            for writer in writers.values():
                stack.callback(writer.abort)
            for found in surveys:
                path = found.source.path
                with progress.task(path.name, found.source.n_rows, "rows") as advance:
                    for strip in self._strips(found):
                        self._write(strip, found, writers)
                        advance(len(strip.ids))
            return {name: writer.close() for name, writer in writers.items()}

    def _writer(self, name: str) -> SplitWriter:
        return SplitWriter(
            self.folder,
            name,
            width=packed_width(len(self.features)),
            n_targets=len(self.targets),
            rows_per_shard=self.options.rows_per_shard,
        )
