from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data.parquet.source import ParquetSource


@pytest.fixture
def path(tmp_path: Path, make_rows: Callable, write_rows: Callable) -> Path:
    path = tmp_path / "train.parquet"
    write_rows(path, make_rows({1: 30, 2: 40}), rows_per_group=20)
    return path


def test_small_row_groups_are_taken_together(path: Path) -> None:
    with ParquetSource(path) as source:
        (window,) = source.windows()
        assert (window.groups, window.start, window.rows) == ((0, 1, 2, 3), 0, 70)
        assert source.eras(window).tolist() == [1] * 30 + [2] * 40


def test_row_groups_without_a_wanted_row_are_skipped(path: Path) -> None:
    wanted = np.zeros(70, np.bool_)
    wanted[[5, 65]] = True
    with ParquetSource(path) as source:
        windows = source.windows(wanted)
    assert [(w.groups, w.start, w.rows) for w in windows] == [
        ((0,), 0, 20),
        ((3,), 60, 10),
    ]


def test_large_row_groups_stand_alone(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 50_000}, n_features=1, n_targets=1)
    write_rows(path, rows, rows_per_group=10_000)
    with ParquetSource(path) as source:
        assert [window.rows for window in source.windows()] == [10_000] * 5


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign", "folder", "missing"])
def test_a_broken_file_is_named(path: Path, damage: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        made = {"empty": b"", "cut": content[:-1], "foreign": b"<html></html>" * 99}
        path.write_bytes(made[damage])
    expected = (
        r"train\.parquet does not exist\. Run `nai download --train`"
        if damage in ("missing", "folder")
        else r"train\.parquet is not a whole Parquet file .*`nai download --force`"
    )
    with pytest.raises(DataError, match=expected):
        ParquetSource(path)


def test_a_broken_page_is_named(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)  # the first column chunk: eras
    path.write_bytes(content)
    with (
        ParquetSource(path) as source,
        pytest.raises(DataError, match=r"train\.parquet is not a whole Parquet file"),
    ):
        source.eras(source.windows()[0])


def test_missing_columns_are_named(path: Path) -> None:
    wanted = ["era", "feature_0000", "feature_x", "feature_y", "feature_z", "feature_q"]
    with (
        ParquetSource(path) as source,
        pytest.raises(
            DataError,
            match=r"but not feature_x, feature_y, feature_z, … \(4 missing\)",
        ),
    ):
        source.require(wanted)


def test_a_file_without_ids_is_refused(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "a.parquet"
    write_rows(path, make_rows({1: 3}), changed={"id": None})
    with (
        ParquetSource(path) as source,
        pytest.raises(DataError, match="has no column 'id' and no index of ids"),
    ):
        source.ids(source.windows()[0])


@pytest.mark.parametrize(
    ("scale", "found"), [(0.25, True), (1.0, False)], ids=["quarters", "whole"]
)
def test_the_scale_of_floats_is_one_of_the_file(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, scale: float, found: bool
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 9, 2: 9}, n_features=40)
    rows.codes[:, :35] = 0  # the first features, and the first era, tell nothing
    rows.codes[:9] = 0
    write_rows(path, rows, feature_type="float", scale=scale, rows_per_group=9)
    with ParquetSource(path) as source:
        assert source.holds_quarters() is found


def test_an_odd_value_tells_nothing_about_the_scale(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 9}, n_features=2, missing=0)
    odd = {"feature_0000": np.array([0, 1, 1, 0, 0.1, 1, 0, 1, 1], np.float32)}
    write_rows(path, rows, feature_type="float", changed=odd)
    with ParquetSource(path) as source:
        assert source.holds_quarters() is False


def test_an_unnamed_index_of_ids_is_found(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    import pandas as pd

    path = tmp_path / "a.parquet"
    rows = make_rows({1: 3})
    write_rows(path, rows, id_is_index=True)
    frame = pd.read_parquet(path)
    frame.index.name = None
    frame.to_parquet(path)
    with ParquetSource(path) as source:
        assert source.ids(source.windows()[0]).tolist() == rows.ids.tolist()
