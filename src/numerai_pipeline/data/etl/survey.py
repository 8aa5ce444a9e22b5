"""The first look at a Parquet file: eras, ids and targets, before any feature.

It costs a few per cent of the decoding and settles everything else: which rows stay,
which era goes where, what the palettes are, and whether the file can be used at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from numerai_pipeline.core import Advance, DataError
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.shards.manifest import MISSING_TARGET


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
        has_target: ``(n_rows,)`` rows with at least one of the targets.
        values: per target, the bit patterns of its float32 values.
    """

    source: ParquetSource
    eras: tuple[EraRows, ...]
    has_target: npt.NDArray[np.bool_]
    values: tuple[frozenset[int], ...]


def survey(source: ParquetSource, targets: Sequence[str], advance: Advance) -> Survey:
    """Read eras, ids and targets of a file.

    Args:
        source: the file; its columns have been required.
        targets: names of the targets.
        advance: called with rows done.

    Raises:
        DataError: if eras are mixed, an id occurs twice, or a target has more than
            255 values.
    """
    eras = np.empty(source.n_rows, np.int16)
    ids = np.empty(source.n_rows, "S16")
    has_target = np.zeros(source.n_rows, np.bool_)
    values: list[set[int]] = [set() for _ in targets]
    for window in source.windows():
        rows = slice(window.start, window.start + window.rows)
        eras[rows] = source.eras(window)
        ids[rows] = source.ids(window)
        for name, seen in zip(targets, values, strict=True):
            target = source.target(window, name)
            is_there = ~np.isnan(target)
            has_target[rows] |= is_there
            seen |= set(pc.unique(pa.array(target[is_there].view(np.uint32))).tolist())
            if len(seen) > MISSING_TARGET:
                raise DataError(
                    f"{source.path}: '{name}' has more than {MISSING_TARGET} different "
                    "values, so it cannot be packed into a byte. Name the targets to "
                    "pack and leave it out: `nai etl --target NAME`."
                )
        advance(window.rows)
    _check_ids(source, ids, eras)
    return Survey(
        source=source,
        eras=_era_rows(source, eras, has_target),
        has_target=has_target,
        values=tuple(frozenset(seen) for seen in values),
    )


def _check_ids(
    source: ParquetSource, ids: npt.NDArray[np.bytes_], eras: npt.NDArray[np.int16]
) -> None:
    """Check that no id occurs twice: 16 bytes a row and one sort."""
    ordered = np.sort(ids)
    is_repeated = ordered[1:] == ordered[:-1]
    if not is_repeated.any():
        return
    repeated = ordered[1:][is_repeated]
    rows = np.flatnonzero(ids == repeated[0])
    places = " and ".join(f"{row:,} (era {eras[row]:04d})" for row in rows[:2])
    raise DataError(
        f"{source.path}: id '{repeated[0].decode()}' occurs in the rows {places}; "
        f"{len(repeated):,} rows repeat an id. Download it again: "
        "`nai download --force`."
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
            "order, as Numerai writes it. Download it again: `nai download --force`."
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
