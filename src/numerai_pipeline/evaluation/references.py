"""What a model is compared with: the meta model and Numerai's benchmark models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, columns
from numerai_pipeline.data import column_names, read_columns

# numerai-tools refuses to score an era that is covered less.
MIN_SHARE_OF_ERA = 0.8

_NO_MODELS = {columns.ID, columns.ERA, columns.DATA_TYPE, columns.META_MODEL}

_REMEDY = "nai download --meta --benchmarks --force"


@dataclass(frozen=True, eq=False)
class Reference:
    """Predictions of another model for the same rows.

    Attributes:
        name: the column in Numerai's file.
        kind: what it is.
        values: ``(rows,)`` float64, NaN where the file has no such row.
    """

    name: str
    kind: Literal["meta model", "benchmark"]
    values: npt.NDArray[np.float64]

    def covers(
        self, eras: npt.NDArray[np.int16], has_target: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return which rows can be compared.

        Args:
            eras: ``(rows,)``, era of each row.
            has_target: ``(rows,)``.

        Returns:
            ``(rows,)``: those with a value and a target, in eras of which the
            reference knows ``MIN_SHARE_OF_ERA`` of the rows with a target.
        """
        known = has_target & ~np.isnan(self.values)
        # Eras are small numbers, so they count themselves.
        n_wanted = np.bincount(eras, weights=has_target)
        n_known = np.bincount(eras, weights=known)
        is_covered = n_known >= np.maximum(MIN_SHARE_OF_ERA * n_wanted, 2)
        covered: npt.NDArray[np.bool_] = known & is_covered[eras]
        return covered


def read_references(
    ids: npt.NDArray[np.bytes_], meta_model: Path | None, benchmarks: Sequence[Path]
) -> list[Reference]:
    """Read the references of the rows in question.

    Args:
        ids: ``(rows,)`` S16.
        meta_model: Numerai's ``meta_model.parquet``.
        benchmarks: Numerai's benchmark files; one model's columns in several files
            become one reference.

    Returns:
        The meta model first, then the benchmarks in the order of their columns.

    Raises:
        DataError: if a file is missing, broken, without ids or with an id twice.
    """
    references = []
    if meta_model is not None:
        for name, values in read_models(ids, meta_model, (columns.META_MODEL,)):
            references.append(Reference(name, "meta model", values))
    found: dict[str, npt.NDArray[np.float64]] = {}
    for path in benchmarks:
        for name, values in read_models(ids, path, None):
            known = found.get(name)
            found[name] = (
                values if known is None else np.where(np.isnan(known), values, known)
            )
    references += [
        Reference(name, "benchmark", values) for name, values in found.items()
    ]
    return references


def read_models(
    ids: npt.NDArray[np.bytes_], path: Path, models: tuple[str, ...] | None
) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    """Yield each model's values in the order of ``ids``; NaN where it has none.

    Args:
        ids: ``(rows,)`` S16.
        path: Parquet with ids and a column per model.
        models: columns wanted; None: all models.

    Raises:
        DataError: if the file is missing, broken, or has an id twice.
    """
    if models is None:
        models = tuple(
            name for name in column_names(path, _REMEDY) if name not in _NO_MODELS
        )
    table = read_columns(path, (columns.ID, *models), _REMEDY)
    rows = _rows_of(ids, table[columns.ID], path)
    is_wanted = rows >= 0
    for name in models:
        values = np.full(len(ids), np.nan)
        values[rows[is_wanted]] = _numbers(table, name, path)[is_wanted]
        yield name, values


def _numbers(table: Any, name: str, path: Path) -> npt.NDArray[np.float64]:
    """Return a column as float64, NaN where a value is missing.

    Raises:
        DataError: if it holds something else than finite numbers.
    """
    import pyarrow as pa

    try:
        values: npt.NDArray[np.float64] = table[name].cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{path} has the column '{name}', which holds no numbers. Fetch it again "
            f"with `{_REMEDY}`."
        ) from error
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise DataError(
            f"{path} has {n_infinite:,} infinite values in the column '{name}'. Fetch "
            f"it again with `{_REMEDY}`."
        )
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
