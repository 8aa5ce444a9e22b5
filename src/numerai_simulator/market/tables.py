"""Numerai's files as Arrow tables: columns, types, and the index as pandas has it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from numerai_simulator.market.catalog import (
    DATA_TYPE,
    ERA,
    HORIZONS,
    ID,
    LIVE_ERA,
    META_MODEL,
    PREDICTION,
    TARGETS,
    Catalog,
)
from numerai_simulator.market.eras import BENCHMARKS, Day, Eras
from numerai_simulator.market.spec import MarketSpec, era_day


class Tables:
    """Makes the tables of an era or of a round.

    Args:
        spec: of the market.
        catalog: its features.
        eras: its data.
    """

    def __init__(self, spec: MarketSpec, catalog: Catalog, eras: Eras) -> None:
        self._spec = spec
        self._catalog = catalog
        self._eras = eras

    def era(self, number: int, versions: tuple[str, ...]) -> Iterator[pa.Table]:
        """Yield an era's main table for each release.

        A target is missing as long as its horizon is not over at the present, and
        an era of validation whose main target is missing is of the ``test`` type.
        """
        at = self._eras.day(era_day(number))
        known_days = self._spec.present - 1 - at.day
        kind = "train"
        if number > self._spec.n_train_eras:
            kind = "validation" if known_days >= HORIZONS[0] else "test"
        yield from self._main(at, f"{number:04d}", kind, known_days, versions)

    def live(self, round_number: int, version: str) -> pa.Table:
        """Return a round's live table; its targets are all missing."""
        at = self._eras.day(self._spec.round_day(round_number))
        (table,) = self._main(at, LIVE_ERA, "live", 0, (version,))
        return table

    def meta_model(self, number: int) -> pa.Table:
        """Return the meta model's predictions of an era."""
        at = self._eras.day(era_day(number))
        known_days = self._spec.present - 1 - at.day
        kind = "validation" if known_days >= HORIZONS[0] else "test"
        return _table(
            at,
            {
                ERA: [f"{number:04d}"] * len(at.ids),
                DATA_TYPE: [kind] * len(at.ids),
                META_MODEL: self._eras.forecast(at, "meta"),
            },
        )

    def benchmarks(self, at: Day, era: str, version: str) -> pa.Table:
        """Return the benchmark models' predictions of a day."""
        forecasts = {
            benchmark_column(version, who): self._eras.forecast(at, who)
            for who in BENCHMARKS
        }
        return _table(at, {ERA: [era] * len(at.ids), **forecasts})

    def example(self, at: Day) -> pa.Table:
        """Return the example predictions of a day."""
        return _table(at, {PREDICTION: self._eras.forecast(at, "example")})

    def _main(
        self,
        at: Day,
        era: str,
        kind: str,
        known_days: int,
        versions: tuple[str, ...],
    ) -> Iterator[pa.Table]:
        codes = dict(zip(self._catalog.features, self._eras.features(at), strict=True))
        targets = self._eras.targets(at, known_days=known_days)
        for version in versions:
            yield _table(
                at,
                {
                    ERA: [era] * len(at.ids),
                    DATA_TYPE: [kind] * len(at.ids),
                    **{name: codes[name] for name in self._catalog.columns(version)},
                    **dict(zip(TARGETS, targets.T, strict=True)),
                },
            )


def benchmark_column(version: str, who: str) -> str:
    """Return a benchmark model's column.

    >>> benchmark_column("v5.3", "lgbm_ender20"), benchmark_column("v5.0", "x")
    ('v53_lgbm_ender20', 'v5_x')
    """
    return f"{version.replace('.', '').removesuffix('0')}_{who}"


def _table(at: Day, values: Mapping[str, Any]) -> pa.Table:
    """Return a table whose index is the ids, as pandas writes one."""
    arrays = {name: pa.array(np.asarray(column)) for name, column in values.items()}
    table = pa.table({**arrays, ID: pa.array(at.ids)})
    return table.replace_schema_metadata(_metadata(table.schema))


@lru_cache(maxsize=16)
def _metadata(schema: pa.Schema) -> dict[bytes, bytes]:
    """Return what pandas writes beside columns of which one is the index."""
    # Of an empty frame with these columns and types: pandas alone knows its format.
    empty = schema.empty_table().to_pandas().set_index(ID)
    metadata: dict[bytes, bytes] = pa.Schema.from_pandas(
        empty, preserve_index=True
    ).metadata
    return metadata
