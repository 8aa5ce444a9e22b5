"""Finds ids that occur twice, in one file or in two."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError
from numerai_pipeline.data.parquet.arrow_columns import era_name
from numerai_pipeline.data.parquet.source import ParquetSource

Hashes = npt.NDArray[np.uint64]

# Odd, so that multiplying loses no bit; else arbitrary.
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


class IdCheck:
    """Remembers 8 bytes of every id: 50 MB for all history, where ids take 100.

    Args:
        n_rows: how many ids there will be.
    """

    def __init__(self, n_rows: int) -> None:
        self._hashes = np.empty(n_rows, np.uint64)
        self._n_seen = 0

    def add(self, ids: npt.NDArray[np.bytes_]) -> None:
        """Remember ``(rows,)`` S16 ids."""
        end = self._n_seen + len(ids)
        self._hashes[self._n_seen : end] = _hashes(ids)
        self._n_seen = end

    def check(self, sources: Sequence[ParquetSource]) -> None:
        """Check all ids, after the last one.

        Args:
            sources: the files that they come from; read again only to say where.

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
