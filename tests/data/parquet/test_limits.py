from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.data.parquet.limits import (
    DEFAULT,
    FileShape,
    Limits,
    limits_for,
    needed_bytes,
    peak_bytes,
)
from numerai_pipeline.data.parquet.source import ParquetSource

MIB = 1 << 20
ONE_GROUP = FileShape((1_000_000,), 2_748, 41, bytes_a_value=1, footer_bytes=600_000)
MANY_GROUPS = replace(ONE_GROUP, window_rows=(20_000,) * 50, footer_bytes=13_000_000)


@pytest.mark.parametrize("shape", [ONE_GROUP, MANY_GROUPS])
@pytest.mark.parametrize("budget_mib", [300, 500, 1_000, 4_000])
def test_limits_keep_to_the_budget(shape: FileShape, budget_mib: int) -> None:
    limits = limits_for(budget_mib * MIB, shape, n_workers=2)
    assert peak_bytes(shape, limits) <= budget_mib * MIB


@pytest.mark.parametrize("shape", [ONE_GROUP, MANY_GROUPS])
def test_a_budget_that_is_too_small_is_refused_with_the_one_needed(
    shape: FileShape,
) -> None:
    needed = needed_bytes(shape)
    assert peak_bytes(shape, limits_for(needed, shape)) == needed
    with pytest.raises(ValueError, match=f"packing takes {needed:,} bytes at least"):
        limits_for(needed - 1, shape)


def test_threads_are_given_up_last() -> None:
    slow = Limits(n_workers=2, slice_bytes=0, plane_bytes=0)
    assert limits_for(peak_bytes(MANY_GROUPS, slow), MANY_GROUPS, n_workers=2) == slow
    fast = replace(DEFAULT, n_workers=2, plane_bytes=20_000 * 916)
    assert limits_for(peak_bytes(MANY_GROUPS, fast), MANY_GROUPS, n_workers=2) == fast


def test_planes_that_are_no_faster_in_memory_stay_on_disk() -> None:
    assert limits_for(64_000 * MIB, ONE_GROUP).plane_bytes == 0


def test_twice_the_rows_take_the_same_memory() -> None:
    twice = replace(MANY_GROUPS, window_rows=MANY_GROUPS.window_rows * 2)
    assert peak_bytes(twice, DEFAULT) == peak_bytes(MANY_GROUPS, DEFAULT)


def test_the_shape_is_that_of_the_file(
    tmp_path: Path, make_rows: Callable[..., Any], write_rows: Callable[..., None]
) -> None:
    path = tmp_path / "a.parquet"
    rows = make_rows({1: 30_000}, n_features=4)
    write_rows(path, rows, rows_per_group=20_000, feature_type="double")
    with ParquetSource(path) as source:
        shape = FileShape.of(source, rows.features, ["target"])
        assert shape.footer_bytes == source.metadata.serialized_size
    assert shape.window_rows == (20_000, 10_000)
    assert (shape.n_features, shape.n_targets, shape.bytes_a_value) == (4, 1, 8)


def test_an_empty_file_takes_little() -> None:
    empty = replace(ONE_GROUP, window_rows=())
    assert needed_bytes(empty) < 100 * MIB
