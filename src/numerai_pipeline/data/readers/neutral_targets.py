"""Targets that are neutralized within the era: computed once, kept beside the shards.

``NAME.targets/<digest>/`` holds a file per era that was needed so far: one float32 per
row of the era, in the order of the shards, then a checksum. Each file appears whole,
so that a kill loses one era; a file that is missing or broken is made again.
"""

import shutil
import struct
import zlib
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    DataError,
    Target,
    atomic_path,
    digest_of,
    locked,
    sha256_of,
)
from numerai_pipeline.data.catalog import FEATURES_FILE, FeatureCatalog
from numerai_pipeline.data.parquet.benchmarks import (
    BenchmarkModel,
    both_benchmark_files,
)
from numerai_pipeline.data.readers.transforms import fill_missing
from numerai_pipeline.scoring import EraFeatures

if TYPE_CHECKING:
    from numerai_pipeline.data.readers.reader import ShardReader

# Counts changes of what the files hold.
_VERSION = 1

# Hex digits of a fingerprint in the name of a folder.
_SHORT = 16

_CHECKSUM = struct.Struct("<I")

Values = npt.NDArray[np.float32]


class NeutralTarget:
    """A neutralized target of some shards.

    Args:
        reader: the shards; its ``data`` has the feature sets and the benchmark files.
        target: what is neutralized, and to what.

    Attributes:
        features: columns that it is neutralized to; none: to a benchmark.
        files: Numerai's benchmark files; none: to features.

    Raises:
        ConfigError: if there is no such feature set.
        DataError: if a file of ``data`` is missing.
    """

    def __init__(self, reader: "ShardReader", target: Target) -> None:
        if target.neutral is None:
            raise ValueError(f"'{target}' is neutral to nothing")
        self._reader, self._target, self._neutral = reader, target, target.neutral
        self.features: tuple[str, ...] = ()
        self.files: tuple[Path, ...] = ()
        if reader.data is None:
            raise DataError(
                f"'{target}' needs the files of the data release that {reader.folder} "
                "was made from. Open the shards through a workspace."
            )
        if self._neutral.to == "features":
            catalog = FeatureCatalog.load(reader.data / FEATURES_FILE)
            self.features = catalog.columns(self._neutral.name)
        else:
            self.files = both_benchmark_files(reader.data)

    @cached_property
    def digest(self) -> str:
        """64 hex digits of everything that decides the values."""
        return digest_of(
            [
                _VERSION,
                self._reader.manifest.fingerprint,
                str(self._target),
                self.features,
                [_sha256_of(path, path.stat().st_mtime_ns) for path in self.files],
            ]
        )

    @cached_property
    def folder(self) -> Path:
        """Where the files of the eras are."""
        shards, fingerprint = self._reader.folder, self._reader.manifest.fingerprint
        name = f"{fingerprint[:_SHORT]}-{self.digest[:_SHORT]}"
        return shards.with_name(f"{shards.name}.targets") / name

    def of_era(self, era: int) -> Values:
        """Return ``(rows,)`` float32 of an era that was made; NaN: missing.

        Raises:
            DataError: if somebody deleted or changed the file meanwhile.
        """
        values = self._kept(era)
        if values is None:
            raise DataError(
                f"{self._path(era)} was deleted or changed while it was used. Run the "
                "command again, which makes the file again."
            )
        return values

    def make(self, eras: Sequence[int]) -> None:
        """Make what is not there of some eras; one process does so at a time.

        Raises:
            ConfigError: if the benchmark files lack the model.
            DataError: if the shards lack a feature, or a benchmark file is broken.
        """
        if all(self._kept(era) is not None for era in eras):
            return
        progress = self._reader.progress
        doing = f"neutralizing '{self._target.raw}' to {self._neutral.name}"
        with locked(self.folder, doing=doing, on_wait=progress.note):
            self._sweep()
            left = [era for era in eras if self._kept(era) is None]
            n_rows = n_lacking = 0
            with progress.task(doing, len(left), "eras") as advance:
                for era in left:
                    raw, values = self._of_rows(era)
                    self._write(era, values)
                    n_rows += int((~np.isnan(raw)).sum())
                    n_lacking += int((np.isnan(values) & ~np.isnan(raw)).sum())
                    advance(1)
        if n_lacking:
            progress.note(
                f"{n_lacking:,} of {n_rows:,} rows with '{self._target.raw}' lack "
                f"'{self._target}': {self._why_lacking}"
            )

    @property
    def _why_lacking(self) -> str:
        if self._neutral.to == "benchmark":
            return f"'{self._neutral.name}' has no prediction of them"
        n_features = len(self.features)
        return f"their eras have too few rows to be neutral to {n_features:,} features"

    def _of_rows(self, era: int) -> tuple[Values, Values]:
        """Return ``(rows,)`` of an era, before and after it is neutralized."""
        raw = self._target.raw
        block = self._reader.read(
            None, eras=(era,), features=self.features, targets=(str(raw),)
        )
        if self._neutral.to == "features":
            x: npt.NDArray[Any] = fill_missing(block.x)
            known = np.ones(len(block), np.bool_)
        else:
            x = self._benchmark.predictions(block.ids)[:, None]
            known = ~np.isnan(x[:, 0])
        y = block.y[:, 0]
        known &= ~np.isnan(y)
        values = np.full(len(block), np.nan, np.float32)
        values[known] = neutral_target_of_era(
            y[known], x[known], self._neutral.proportion
        )
        return y, values

    @cached_property
    def _benchmark(self) -> BenchmarkModel:
        return BenchmarkModel(self.files, self._neutral.name)

    def _path(self, era: int) -> Path:
        return self.folder / f"{era:04d}.f32"

    def _kept(self, era: int) -> Values | None:
        """Return an era's values, None if the file is missing or broken."""
        try:
            content = self._path(era).read_bytes()
        except FileNotFoundError:
            return None
        values, end = content[: -_CHECKSUM.size], content[-_CHECKSUM.size :]
        n_bytes = self._reader.places.rows_of_era[era] * np.dtype(np.float32).itemsize
        if len(values) != n_bytes or end != _CHECKSUM.pack(zlib.crc32(values)):
            return None
        return np.frombuffer(values, "<f4")

    def _write(self, era: int, values: Values) -> None:
        content = values.astype("<f4").tobytes()
        with atomic_path(self._path(era)) as partial:
            partial.write_bytes(content + _CHECKSUM.pack(zlib.crc32(content)))

    def _sweep(self) -> None:
        """Delete what was made of shards that have been rebuilt since."""
        own = self._reader.manifest.fingerprint[:_SHORT]
        for folder in self.folder.parent.glob("*-*/"):
            if not folder.name.startswith(own):
                shutil.rmtree(folder, ignore_errors=True)


def neutral_target_of_era(
    values: Values, x: npt.NDArray[Any], proportion: float
) -> npt.NDArray[np.float64]:
    """Take what columns explain from an era's targets; their mean stays.

    The mean stays because networks begin at 0.5, the middle of the targets.

    Args:
        values: ``(rows,)`` targets.
        x: ``(rows, columns)`` features or predictions, finite.
        proportion: share of the explained part that is taken.

    Returns:
        ``(rows,)``; NaN where there are hardly more rows than independent columns, so
        that nothing but rounding would be left.

    Source: ``neutralize`` of numerai-tools, with the era's mean added again.
    """
    undefined = np.full(len(values), np.nan)
    if len(values) < 2:
        return undefined
    projection = EraFeatures(x).projection()
    if not projection.is_defined:
        return undefined
    mean = float(values.mean(dtype=np.float64))
    return projection.neutralize(values, proportion) + proportion * mean


@cache
def _sha256_of(path: Path, _changed: int) -> str:
    """Return a file's checksum, computed once while it does not change."""
    return sha256_of(path)
