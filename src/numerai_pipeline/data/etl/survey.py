"""The first look at a Parquet file: eras, ids and targets, before any feature.

It costs a few per cent of the decoding and settles everything else: which rows stay,
which era goes where, what the palettes are, and whether the file can be used at all.
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
from numerai_pipeline.data.etl.repeated_ids import IdCheck
from numerai_pipeline.data.parquet.arrow_columns import era_name
from numerai_pipeline.data.parquet.limits import DEFAULT
from numerai_pipeline.data.parquet.source import ParquetSource, Window
from numerai_pipeline.data.shards.manifest import MISSING_TARGET

REMEDY = "Download it again: `nai download --force`."


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
        ids: is shown every id.
        advance: called with rows done.
        is_live: rows without an era and without targets are what is expected.
        keep: one of the targets, whose values are kept.

    Raises:
        DataError: if eras are mixed or missing, or a target lies outside of 0..1 or
            has more than 255 values.
    """
    if not source.n_rows:
        raise DataError(f"{source.path} has not a single row. {REMEDY}")
    eras = np.empty(source.n_rows, np.int16)
    look = _TargetLook(source, np.full(source.n_rows, is_live), keep)
    with ThreadPoolExecutor(DEFAULT.n_workers) as pool:
        for window in source.windows():
            rows = slice(window.start, window.start + window.rows)
            found = pool.map(partial(look.at, window), targets)
            eras[rows] = source.eras(window)
            ids.add(source.ids(window))
            for _ in found:  # raises what a target's look has raised
                pass
            advance(window.rows)
    if not is_live:
        _check_eras(source, eras)
    return Survey(
        source=source,
        eras=_era_rows(source, eras, look.has_target),
        has_target=look.has_target,
        values=tuple(frozenset(look.values[name]) for name in targets),
        kept_target=look.kept,
    )


class _TargetLook:
    """What is seen of the targets; several threads look, each at one target."""

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

    def at(self, window: Window, name: str) -> None:
        """Look at a target in a window."""
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
