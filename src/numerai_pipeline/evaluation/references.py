"""What a model is compared with: the meta model and Numerai's benchmark models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, columns
from numerai_pipeline.data import column_names, read_columns, read_numbers
from numerai_pipeline.scoring import covered_rows

# Numerai's predictions of its benchmark models for the rows of the live file.
LIVE_BENCHMARKS = "live_benchmark_models.parquet"

_NO_MODELS = {columns.ID, columns.ERA, columns.DATA_TYPE, columns.META_MODEL}

_REMEDY = "nai download --meta --benchmarks --force"


Kind = Literal["meta model", "benchmark"]


@dataclass(frozen=True, eq=False)
class Reference:
    """Predictions of another model for the same rows.

    Attributes:
        name: the column in Numerai's file.
        kind: what it is.
        values: ``(rows,)`` float64, NaN where the file has no such row.
    """

    name: str
    kind: Kind
    values: npt.NDArray[np.float64]

    def covers(
        self, eras: npt.NDArray[np.int16], has_target: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return which rows can be compared, as ``scoring.covered_rows`` does.

        Args:
            eras: ``(rows,)``, era of each row.
            has_target: ``(rows,)``.
        """
        return covered_rows(self.values, has_target, eras)


class References:
    """The meta model and the benchmarks of some rows; one is in memory at a time.

    Args:
        ids: ``(rows,)`` S16.
        meta_model: Numerai's ``meta_model.parquet``.
        benchmarks: Numerai's benchmark files; one model's columns in several files
            become one reference.

    Raises:
        DataError: if a file is missing, broken, without ids or with an id twice.
    """

    def __init__(
        self,
        ids: npt.NDArray[np.bytes_],
        meta_model: Path | None,
        benchmarks: Sequence[Path],
    ) -> None:
        self._n_rows = len(ids)
        self._files: list[tuple[Kind, ModelFile]] = []
        if meta_model is not None:
            file = ModelFile(ids, meta_model, (columns.META_MODEL,))
            self._files.append(("meta model", file))
        for path in benchmarks:
            self._files.append(("benchmark", ModelFile(ids, path)))

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of a kind, in the order of the files' columns."""
        found = (file.models for one, file in self._files if one == kind)
        return tuple(dict.fromkeys(name for models in found for name in models))

    def read(self, kind: Kind, name: str) -> Reference:
        """Read one of them."""
        values = np.full(self._n_rows, np.nan)
        for one, file in self._files:
            if one == kind and name in file.models:
                # The first file that knows a row counts.
                values = np.where(np.isnan(values), file.read(name), values)
        return Reference(name, kind, values)


class ModelFile:
    """A file with a column of predictions per model, joined to rows by their ids.

    Attributes:
        models: its columns.

    Args:
        ids: ``(rows,)`` S16.
        path: the file.
        models: columns wanted; None: all models.

    Raises:
        DataError: if the file is missing, broken, or has an id twice.
    """

    def __init__(
        self,
        ids: npt.NDArray[np.bytes_],
        path: Path,
        models: tuple[str, ...] | None = None,
    ) -> None:
        there = column_names(path, _REMEDY)
        self.models = models or tuple(one for one in there if one not in _NO_MODELS)
        self._path = path
        self._n_rows = len(ids)
        # The columns must be there before the first one is read.
        table = read_columns(path, (columns.ID, *self.models[:1]), _REMEDY)
        self._places = _rows_of(ids, table[columns.ID], path)

    def read(self, model: str) -> npt.NDArray[np.float64]:
        """Return ``(rows,)`` values of a model; NaN for a row that it lacks."""
        column = read_numbers(self._path, model, _REMEDY)
        is_wanted = self._places >= 0
        values = np.full(self._n_rows, np.nan)
        values[self._places[is_wanted]] = column[is_wanted]
        return values


def _rows_of(
    ids: npt.NDArray[np.bytes_], file_ids: Any, path: Path
) -> npt.NDArray[np.intp]:
    """Return the place of each row of a file in ``ids``; -1 where it is not there.

    Arrow's hash table takes 3.5 M ids without making a Python string of any.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    own_ids = pa.array(ids).cast(file_ids.type)
    found = pc.index_in(file_ids, value_set=own_ids)
    rows: npt.NDArray[np.intp] = (
        pc.fill_null(found, -1).to_numpy().astype(np.intp, copy=False)
    )
    n_times = np.bincount(rows[rows >= 0], minlength=len(ids))
    if n_times.max(initial=0) > 1:
        raise DataError(
            f"{path} has the id {ids[n_times.argmax()].decode()} "
            f"{n_times.max()} times. Fetch it again with `{_REMEDY}`."
        )
    return rows
