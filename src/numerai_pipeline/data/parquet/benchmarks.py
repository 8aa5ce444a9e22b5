"""A benchmark model's predictions of given rows, from Numerai's files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, DataError, columns, did_you_mean
from numerai_pipeline.data.block import RowIds
from numerai_pipeline.data.parquet.arrow_columns import IllegalValue, id_values
from numerai_pipeline.data.parquet.columns import (
    column_names,
    read_columns,
    read_numbers,
)

BENCHMARK_FILES = (
    "train_benchmark_models.parquet",
    "validation_benchmark_models.parquet",
)

_REMEDY = "nai download --benchmarks --force"


def both_benchmark_files(data: Path) -> tuple[Path, ...]:
    """Return the benchmark files of a release, which cover all of its eras.

    Args:
        data: folder of the release.

    Raises:
        DataError: if one is missing.
    """
    paths = tuple(data / name for name in BENCHMARK_FILES)
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path} does not exist. Run `nai download --benchmarks`.")
    return paths


def check_benchmark(files: Sequence[Path], model: str) -> None:
    """Check that benchmark files have a model.

    Raises:
        ConfigError: if none has; the nearest one is named.
    """
    others = (columns.ID, columns.ERA)
    known = dict.fromkeys(
        name
        for path in files
        for name in column_names(path, _REMEDY)
        if name not in others
    )
    if model not in known:
        raise ConfigError(
            f"there is no benchmark model '{model}' in "
            f"{' and '.join(path.name for path in files)}. "
            f"{did_you_mean(model, known, listing='There are')}"
        )


class BenchmarkModel:
    """The predictions of one benchmark model, found by id.

    Args:
        files: the benchmark files; one may lack the model.
        model: its column.

    Raises:
        ConfigError: if no file has the model.
        DataError: if a file is broken, has an id twice, or an infinite prediction.
    """

    def __init__(self, files: Sequence[Path], model: str) -> None:
        check_benchmark(files, model)
        found = [
            _read(path, model) for path in files if model in column_names(path, _REMEDY)
        ]
        ids, values = (np.concatenate(each) for each in zip(*found, strict=True))
        self._ids, self._values = RowIds(ids), values
        twice = self._ids.twice()
        if len(twice):
            raise DataError(
                f"{' and '.join(map(str, files))} have the id {twice[0].decode()} "
                f"twice. Run `{_REMEDY}`."
            )

    def predictions(self, ids: npt.NDArray[np.bytes_]) -> npt.NDArray[np.float64]:
        """Return ``(rows,)`` predictions of ``(rows,)`` S16 ids; NaN: there is none."""
        places = self._ids.places(ids)
        return np.where(places >= 0, self._values[places], np.nan)


def _read(
    path: Path, model: str
) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.float64]]:
    try:
        ids = id_values(read_columns(path, (columns.ID,), _REMEDY)[columns.ID])
    except IllegalValue as error:
        raise DataError(f"{path} has no ids ({error}). Run `{_REMEDY}`.") from error
    return ids, read_numbers(path, model, _REMEDY)
