from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data.parquet.limits import DEFAULT, Limits
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.parquet.windows import packed_strips
from numerai_pipeline.data.shards.packing import pack


def collect(path: Path, rows: Any, **options: Any) -> dict[str, np.ndarray]:
    with ParquetSource(path) as source:
        strips = packed_strips(
            source,
            rows.features,
            ["target_victor_60", "target"],
            code_target=lambda _number, values: values,
            scratch=path.parent,
            **options,
        )
        copies = [(s.x.copy(), s.y.T.copy(), s.ids, s.start) for s in strips]
    x, y, ids, starts = zip(*copies, strict=True)
    return {
        "x": np.concatenate(x),
        "y": np.concatenate(y),
        "ids": np.concatenate(ids),
        "starts": np.array(starts),
    }


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("rows_per_group", [100, 20_000, 50_000])
def test_a_file_comes_packed_whatever_its_row_groups_are(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    rows_per_group: int,
    in_memory: bool,
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 20_000, 2: 25_000}, n_features=4)
    write_rows(path, rows, rows_per_group=rows_per_group)
    limit = {} if in_memory else {"limits": replace(DEFAULT, plane_bytes=0)}
    found = collect(path, rows, **limit)
    np.testing.assert_array_equal(found["x"], pack(rows.codes))
    np.testing.assert_array_equal(found["y"], rows.targets[:, [2, 0]])
    np.testing.assert_array_equal(found["ids"], rows.ids)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 100])
@pytest.mark.parametrize("slice_bytes", [0, 1_000, 1 << 20])
def test_slices_of_any_size_pack_the_same(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    n_features: int,
    slice_bytes: int,
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 30}, n_features=n_features)
    rows.codes[:, n_features // 2 :] %= 5  # some columns without a null
    write_rows(path, rows)
    limits = Limits(n_workers=3, slice_bytes=slice_bytes, plane_bytes=0)
    found = collect(path, rows, limits=limits)
    np.testing.assert_array_equal(found["x"], pack(rows.codes))


def test_only_wanted_row_groups_are_decoded(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 10, 2: 10, 3: 10})
    write_rows(path, rows, rows_per_group=10)
    found = collect(path, rows, wanted=rows.eras != 2)
    assert found["starts"].tolist() == [0, 20]
    np.testing.assert_array_equal(found["ids"], rows.ids[rows.eras != 2])


def test_an_illegal_value_names_file_column_row_and_era(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "train.parquet"
    rows = make_rows({1: 10, 7: 10}, missing=0)
    rows.codes[13, 4] = 9
    write_rows(path, rows, rows_per_group=5)
    with pytest.raises(
        DataError,
        match=r"train\.parquet: 'feature_0004' in row 13 \(era 0007\) is 9, but must "
        "be one of the five feature values",
    ):
        collect(path, rows)


@pytest.mark.parametrize("column", ["feature_0004", "target"])
@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.bool_(), pa.null(), pa.decimal128(5, 2), pa.list_(pa.int8())],
    ids=str,
)
def test_a_column_of_no_numbers_is_named(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    kind: pa.DataType,
    column: str,
) -> None:
    path = tmp_path / "train.parquet"
    rows = make_rows({1: 10})
    write_rows(path, rows, changed={column: pa.nulls(10, kind)})
    with pytest.raises(
        DataError,
        match=rf"train\.parquet: '{column}' in row 0 \(era 0001\) is '.*', but must be "
        "an? .*float column",
    ):
        collect(path, rows)
