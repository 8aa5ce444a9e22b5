"""The first pass over a Parquet file: eras, ids and targets, before any feature.

It costs a few per cent of the decoding and settles everything else: which rows are
kept, the split of each era, the palettes, and whether the file can be used at all.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from numerai_pipeline.core import Advance, DataError
from numerai_pipeline.data.parquet.arrow_columns import era_name
from numerai_pipeline.data.parquet.limits import DEFAULT
from numerai_pipeline.data.parquet.source import ParquetSource, Window
from numerai_pipeline.data.shards.manifest import MISSING_TARGET

REMEDY = "Download it again: `nai download --force`."

Hashes = npt.NDArray[np.uint64]

# Odd, so that multiplying loses no bit; else arbitrary.
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


class IdCheck:
    """Finds ids that occur twice, in one file or in two.

    Keeps 8 bytes per id: 50 MB for all history, where the ids take 100.

    Args:
        n_rows: number of ids.
    """

    def __init__(self, n_rows: int) -> None:
        self._hashes = np.empty(n_rows, np.uint64)
        self._n_seen = 0

    def add(self, ids: npt.NDArray[np.bytes_]) -> None:
        """Add ``(rows,)`` S16 ids."""
        end = self._n_seen + len(ids)
        self._hashes[self._n_seen : end] = _hashes(ids)
        self._n_seen = end

    def check(self, sources: Sequence[ParquetSource]) -> None:
        """Check all ids, after the last one.

        Args:
            sources: the files that they come from; read again only to find the places.

        Raises:
            DataError: if one occurs twice; both places are named.
        """
        self._hashes.sort()
        is_repeated = self._hashes[1:] == self._hashes[:-1]
        if is_repeated.any():
            _refuse(sources, np.unique(self._hashes[1:][is_repeated]))


def _hashes(ids: npt.NDArray[np.bytes_]) -> Hashes:
    words = np.ascontiguousarray(ids).view(np.uint64).reshape(-1, 2)
    mixed: Hashes = words[:, 0] * _FACTORS[0] ^ words[:, 1] * _FACTORS[1]
    return mixed


def _refuse(sources: Sequence[ParquetSource], suspects: Hashes) -> None:
    places: dict[bytes, str] = {}
    repeated: list[tuple[bytes, str]] = []
    for source in sources:
        for window in source.windows():
            ids, eras = source.ids(window), source.eras(window)
            for row in np.flatnonzero(np.isin(_hashes(ids), suspects)):
                place = (
                    f"row {window.start + row:,} (era {era_name(eras[row])}) "
                    f"of {source.path.name}"
                )
                if ids[row] in places:
                    repeated.append((ids[row], place))
                places.setdefault(ids[row], place)
    if not repeated:
        return  # different ids with the same hash
    name, second = repeated[0]
    raise DataError(
        f"{sources[0].path.parent}: id '{name.decode()}' occurs in {places[name]} and "
        f"in {second}; {len(repeated):,} rows repeat an id. Download the files again: "
        "`nai download --force`."
    )


@dataclass(frozen=True)
class EraRows:
    """Rows ``start`` to ``stop`` of a file, of which ``kept`` have a target."""

    era: int
    start: int
    stop: int
    kept: int


@dataclass(frozen=True)
class Survey:
    """What a file holds apart from its features.

    Attributes:
        source: the file.
        eras: its eras, ascending, each in one piece.
        has_target: ``(n_rows,)`` rows with at least one of the targets; all rows of
            live data, which have none.
        values: per target, the bit patterns of its float32 values.
        kept_target: ``(n_rows,)`` float32 values of the target that was to be kept.
    """

    source: ParquetSource
    eras: tuple[EraRows, ...]
    has_target: npt.NDArray[np.bool_]
    values: tuple[frozenset[int], ...]
    kept_target: npt.NDArray[np.float32] | None = None


def survey(
    source: ParquetSource,
    targets: Sequence[str],
    *,
    ids: IdCheck,
    advance: Advance,
    is_live: bool = False,
    keep: str | None = None,
) -> Survey:
    """Read eras, ids and targets of a file.

    Args:
        source: the file; its columns have been required.
        targets: names of the targets.
        ids: receives every id.
        advance: called with rows done.
        is_live: expect rows without an era and without targets.
        keep: one of the targets, whose values are kept.

    Raises:
        DataError: if eras are mixed or missing, or a target lies outside 0..1 or
            has more than 255 values.
    """
    if not source.n_rows:
        raise DataError(f"{source.path} has no rows. {REMEDY}")
    eras = np.empty(source.n_rows, np.int16)
    seen_targets = _TargetSurvey(source, np.full(source.n_rows, is_live), keep)
    with ThreadPoolExecutor(DEFAULT.n_workers) as pool:
        for window in source.windows():
            rows = slice(window.start, window.start + window.rows)
            found = pool.map(partial(seen_targets.add, window), targets)
            eras[rows] = source.eras(window)
            ids.add(source.ids(window))
            for _ in found:  # raises the error of a target, if any
                pass
            advance(window.rows)
    if not is_live:
        _check_eras(source, eras)
    return Survey(
        source=source,
        eras=_era_rows(source, eras, seen_targets.has_target),
        has_target=seen_targets.has_target,
        values=tuple(frozenset(seen_targets.values[name]) for name in targets),
        kept_target=seen_targets.kept,
    )


class _TargetSurvey:
    """Survey of the targets by several threads, each on one target."""

    def __init__(
        self,
        source: ParquetSource,
        has_target: npt.NDArray[np.bool_],
        keep: str | None,
    ) -> None:
        self.has_target = has_target
        self.values: dict[str, set[int]] = defaultdict(set)
        self.kept = np.empty(len(has_target), np.float32) if keep else None
        self._source, self._keep = source, keep
        self._lock = threading.Lock()

    def add(self, window: Window, name: str) -> None:
        """Survey a target in a window."""
        rows = slice(window.start, window.start + window.rows)
        target = self._source.target(window, name)
        is_there = ~np.isnan(target)
        bits = pc.unique(pa.array(target[is_there].view(np.uint32))).tolist()
        with self._lock:
            self.has_target[rows] |= is_there
            self.values[name].update(bits)
        _check_values(self._source, name, window, target, self.values[name])
        if self.kept is not None and name == self._keep:
            self.kept[rows] = target


def _check_values(
    source: ParquetSource,
    name: str,
    window: Window,
    target: npt.NDArray[np.float32],
    seen: set[int],
) -> None:
    outside = (target < 0) | (target > 1)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"{source.path}: '{name}' in row {window.start + row:,} (era "
            f"{era_name(source.eras(window)[row])}) is {target[row]}, but targets lie "
            f"between 0 and 1. {REMEDY}"
        )
    check_count(str(source.path), name, len(seen))


def check_count(where: str, name: str, n_values: int) -> None:
    """Check that a target's values have codes.

    Raises:
        DataError: if there are more than 255.
    """
    if n_values > MISSING_TARGET:
        raise DataError(
            f"{where}: '{name}' has more than {MISSING_TARGET} different values, so it "
            "cannot be packed into a byte. Name the targets to pack and leave it out: "
            "`nai etl --targets NAME,NAME`."
        )


def _check_eras(source: ParquetSource, eras: npt.NDArray[np.int16]) -> None:
    without = np.flatnonzero(eras == 0)
    if len(without):
        raise DataError(
            f"{source.path} has the era X or 0 in row {without[0]:,} "
            f"({len(without):,} rows), but rows to learn from have a number. Live data "
            f"becomes shards by `nai etl --live`; else: {REMEDY}"
        )


def _era_rows(
    source: ParquetSource,
    eras: npt.NDArray[np.int16],
    has_target: npt.NDArray[np.bool_],
) -> tuple[EraRows, ...]:
    if not len(eras):
        return ()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(eras)) + 1])
    stops = np.append(starts[1:], len(eras))
    falls = np.flatnonzero(np.diff(eras[starts]) < 0)
    if len(falls):
        row = starts[falls[0] + 1]
        raise DataError(
            f"{source.path} mixes eras: in row {row:,} era {eras[row]:04d} follows "
            f"era {eras[row - 1]:04d}. Each era must be in one piece, in ascending "
            f"order, as Numerai writes it. {REMEDY}"
        )
    return tuple(
        EraRows(
            era=int(eras[start]),
            start=int(start),
            stop=int(stop),
            kept=int(np.count_nonzero(has_target[start:stop])),
        )
        for start, stop in zip(starts, stops, strict=True)
    )
