"""A market: everything that a simulated tournament hands out and scores against."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, Self

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from numerai_simulator.market.catalog import (
    ERA,
    ID,
    LIVE_ERA,
    META_MODEL,
    PREDICTION,
    RELEASES,
    TARGET,
    VERSIONS,
    catalog_of,
)
from numerai_simulator.market.eras import Eras
from numerai_simulator.market.spec import MarketSpec, era_day
from numerai_simulator.market.tables import Tables
from numerai_simulator.storage import atomic_path, write_json

# Benchmark models start at era 158 of v5.3's 574 training eras.
_BENCHMARK_START = 158 / 574
# The meta model is younger than validation: it covers its last two thirds.
_META_MODEL_START = 1 / 3
# Names under which clients ask for a file of the newest release, and that file: where
# Numerai's notebooks fetch the meta model, and the default of numerapi's command line.
ALIASES: Mapping[str, str] = {
    "v4.3/meta_model.parquet": f"{VERSIONS[0]}/meta_model.parquet",
    "numerai_live_data.parquet": f"{VERSIONS[0]}/live.parquet",
}

_STATIC_FILES = (
    "features.json",
    "train.parquet",
    "validation.parquet",
    "meta_model.parquet",
    "train_benchmark_models.parquet",
    "validation_benchmark_models.parquet",
    "validation_example_preds.csv",
    "validation_example_preds.parquet",
)
LIVE_FILES = (
    "live.parquet",
    "live_benchmark_models.parquet",
    "live_example_preds.csv",
    "live_example_preds.parquet",
)


# Files that differ in every release, and those of its rows, which releases share
# (`RELEASES`); all others are the same everywhere.
_OWN_FILES = (
    "features.json",
    "train_benchmark_models.parquet",
    "validation_benchmark_models.parquet",
    "live_benchmark_models.parquet",
)
_ROW_FILES = ("train.parquet", "validation.parquet", "live.parquet")


class Progress(Protocol):
    """Where the progress of writing a market goes."""

    def task(
        self, description: str, total: float | None, unit: str
    ) -> AbstractContextManager[Callable[[float], None]]:
        """Open a task; inside the block call the result with each amount done."""
        ...


class _Silent:
    @contextmanager
    def task(
        self, description: str, total: float | None, unit: str
    ) -> Iterator[Callable[[float], None]]:
        del description, total, unit
        yield lambda _amount: None


SILENT: Progress = _Silent()


class Market:
    """The market of a spec; nothing is kept, everything is made when asked for."""

    def __init__(self, spec: MarketSpec) -> None:
        self.spec = spec
        self._catalog = catalog_of(spec.n_features)
        self._eras = Eras(spec, self._catalog)
        self._tables = Tables(spec, self._catalog, self._eras)

    def catalog(self, version: str) -> dict[str, object]:
        """Return what a release's ``features.json`` holds."""
        return self._catalog.to_json(version)

    def files(self, version: str) -> tuple[str, ...]:
        """Return the names of a release's files, live ones too."""
        self._catalog.columns(version)
        return tuple(f"{version}/{file}" for file in (*_STATIC_FILES, *LIVE_FILES))

    @staticmethod
    def stored_as(name: str) -> str:
        """Return where ``write`` and ``write_live`` put a file of a release.

        Args:
            name: such as ``v5.2/train.parquet``.

        >>> Market.stored_as("v5.2/train.parquet")
        'v5.3/train.parquet'
        >>> Market.stored_as("v5.1/features.json")
        'v5.1/features.json'
        """
        version, _, file = name.partition("/")
        if file in _OWN_FILES:
            return name
        home = RELEASES[version] if file in _ROW_FILES else VERSIONS[0]
        return f"{home}/{file}"

    @property
    def benchmark_start(self) -> int:
        """The first era that the benchmark models predict."""
        return max(2, round(_BENCHMARK_START * self.spec.n_train_eras))

    @property
    def meta_model_start(self) -> int:
        """The first era that the meta model predicts."""
        spec = self.spec
        return spec.n_train_eras + 1 + int(_META_MODEL_START * spec.n_validation_eras)

    def write(
        self,
        folder: Path,
        versions: Sequence[str] = VERSIONS,
        *,
        progress: Progress = SILENT,
    ) -> None:
        """Write all files that do not change from round to round.

        An era at a time, so memory does not grow with their number. A file appears
        whole; what is there already is written again.

        Args:
            folder: gets a folder for each release; ``stored_as`` says what is where.
            versions: releases to write.
            progress: where progress goes, in eras.
        """
        spec = self.spec
        for version in versions:
            write_json(folder / version / "features.json", self.catalog(version))
        homes = tuple(dict.fromkeys(RELEASES[version] for version in versions))
        train = range(1, spec.n_train_eras + 1)
        validation = range(spec.n_train_eras + 1, spec.n_eras + 1)
        with progress.task("market", spec.n_eras, "eras") as advance:
            for name, eras in (("train", train), ("validation", validation)):
                paths = [folder / home / f"{name}.parquet" for home in homes]
                self._write_main(paths, homes, eras, advance)
        _write_parquet(
            folder / VERSIONS[0] / "meta_model.parquet",
            map(self._tables.meta_model, range(self.meta_model_start, spec.n_eras + 1)),
        )
        for version in versions:
            for name, eras in (("train", train), ("validation", validation)):
                _write_parquet(
                    folder / version / f"{name}_benchmark_models.parquet",
                    (
                        self._tables.benchmarks(
                            self._eras.day(era_day(era)), f"{era:04d}", version
                        )
                        for era in eras
                        if era >= self.benchmark_start
                    ),
                )
        example = pa.concat_tables(
            self._tables.example(self._eras.day(era_day(era))) for era in validation
        )
        _write_both(folder / VERSIONS[0] / "validation_example_preds", example)

    def write_live(self, folder: Path, version: str, round_number: int) -> None:
        """Write a round's files of a release, less those that are there already.

        Raises:
            SetupError: if the round lies before the market's first live one.
        """
        at = self._eras.day(self.spec.round_day(round_number))
        rows, benchmarks, example, _ = (
            folder / self.stored_as(f"{version}/{file}") for file in LIVE_FILES
        )
        if not rows.is_file():
            _write_parquet(rows, [self._tables.live(round_number, RELEASES[version])])
        if not benchmarks.is_file():
            _write_parquet(benchmarks, [self._tables.benchmarks(at, LIVE_ERA, version)])
        if not example.is_file():
            _write_both(example.with_suffix(""), self._tables.example(at))

    def live_ids(self, round_number: int) -> pd.Index:
        """Return the ids of a round's live data, ascending."""
        at = self._eras.day(self.spec.round_day(round_number))
        return pd.Index(at.ids, name=ID)

    def live_meta_model(self, round_number: int) -> "pd.Series[float]":
        """Return the meta model's predictions of a round, by id."""
        return self._live_forecast(round_number, "meta", META_MODEL)

    def live_benchmark(self, round_number: int) -> "pd.Series[float]":
        """Return the first benchmark model's predictions of a round, by id."""
        return self._live_forecast(round_number, "lgbm_ender20", "benchmark")

    def truth(self, round_number: int, day: int) -> "pd.Series[float]":
        """Return a round's main target as it stands on a score day, by id.

        Args:
            round_number: the round.
            day: score day, 1 to 20: returns of that many business days are in. On
                the last one it is the target that the era would have.
        """
        at = self._eras.day(self.spec.round_day(round_number))
        return self._by_id(at.ids, self._eras.truth(at, n_days=day), TARGET)

    def _live_forecast(
        self, round_number: int, who: str, name: str
    ) -> "pd.Series[float]":
        at = self._eras.day(self.spec.round_day(round_number))
        return self._by_id(at.ids, self._eras.forecast(at, who), name)

    @staticmethod
    def _by_id(ids: Any, values: Any, name: str) -> "pd.Series[float]":
        return pd.Series(values, index=pd.Index(ids, name=ID), name=name)

    def _write_main(
        self,
        paths: Sequence[Path],
        versions: tuple[str, ...],
        eras: range,
        advance: Callable[[float], None],
    ) -> None:
        """Write the main tables of all releases side by side: made once each."""
        with ExitStack() as stack:
            partials = [stack.enter_context(atomic_path(path)) for path in paths]
            files = [stack.enter_context(_RowGroups(partial)) for partial in partials]
            for era in eras:
                for file, table in zip(
                    files, self._tables.era(era, versions), strict=True
                ):
                    file.add(table)
                advance(1)


class _RowGroups:
    """A Parquet file in row groups of several eras.

    A row group takes 0.1 kB of the footer for each column, and 1 kB of every reader's
    memory, so one for each era would take 1.6 GB of them at full size.
    """

    # 170 MB in memory at full width, where a reader takes 3 MB for the group.
    _ROWS = 60_000

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Take a table; it is written when enough rows wait."""
        self._waiting.append(table)
        if sum(table.num_rows for table in self._waiting) >= self._ROWS:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting.clear()
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="snappy",
                # Of no use for five values, and half of the footer.
                write_statistics=[ERA],
            )
        self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._write()
        if self._writer is not None:
            self._writer.close()


def _write_parquet(path: Path, tables: Iterable[pa.Table]) -> None:
    with atomic_path(path) as partial, _RowGroups(partial) as file:
        for table in tables:
            file.add(table)


def _write_both(stem: Path, table: pa.Table) -> None:
    """Write predictions as Parquet and, with the ids first, as CSV."""
    _write_parquet(stem.with_suffix(".parquet"), [table])
    with atomic_path(stem.with_suffix(".csv")) as partial:
        pyarrow.csv.write_csv(
            table.select([ID, PREDICTION]).replace_schema_metadata(),
            partial,
            pyarrow.csv.WriteOptions(quoting_style="needed"),
        )
