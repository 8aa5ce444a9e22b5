from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.core import DataError
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
        copies = [(s.planes.T.copy(), s.y.T.copy(), s.ids, s.start) for s in strips]
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
    limit = {} if in_memory else {"max_plane_bytes": 1}
    found = collect(path, rows, **limit)
    np.testing.assert_array_equal(found["x"], pack(rows.codes))
    np.testing.assert_array_equal(found["y"], rows.targets[:, [2, 0]])
    np.testing.assert_array_equal(found["ids"], rows.ids)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


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
