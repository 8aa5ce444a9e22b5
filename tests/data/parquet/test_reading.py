from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data import read_parquet_blocks

FEATURES = ("feature_0004", "feature_0000")


@pytest.mark.parametrize("id_is_index", [True, False])
@pytest.mark.parametrize("feature_type", ["int8", "float"])
def test_live_data_is_read(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    feature_type: str,
    id_is_index: bool,
) -> None:
    path = tmp_path / "live.parquet"
    rows = make_rows({0: 50})  # era X
    write_rows(path, rows, feature_type=feature_type, id_is_index=id_is_index)
    (block,) = read_parquet_blocks(path, FEATURES)
    np.testing.assert_array_equal(block.x, rows.codes[:, [4, 0]])
    assert block.y.shape == (50, 0)
    assert block.y.dtype == np.float32
    assert block.ids.tolist() == rows.ids.tolist()
    assert block.eras.tolist() == [0] * 50
    assert block.eras.dtype == np.int16


@pytest.mark.parametrize("rows_per_block", [7, 1_000])
def test_validation_data_comes_in_blocks_with_targets(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, rows_per_block: int
) -> None:
    path = tmp_path / "validation.parquet"
    rows = make_rows({3: 20, 4: 30})
    rows.targets[-5:] = np.nan
    write_rows(path, rows, rows_per_group=9)
    blocks = list(
        read_parquet_blocks(
            path,
            rows.features,
            targets=["target_victor_60", "target"],
            rows_per_block=rows_per_block,
        )
    )
    assert max(len(block) for block in blocks) == min(rows_per_block, 50)
    np.testing.assert_array_equal(np.concatenate([b.x for b in blocks]), rows.codes)
    y = np.concatenate([block.y for block in blocks])
    np.testing.assert_array_equal(y, rows.targets[:, [2, 0]])
    eras = np.concatenate([block.eras for block in blocks])
    np.testing.assert_array_equal(eras, rows.eras)


def test_a_missing_feature_is_named(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "live.parquet"
    write_rows(path, make_rows({0: 3}))
    with pytest.raises(DataError, match=r"live\.parquet has .* but not feature_9999"):
        next(read_parquet_blocks(path, ["feature_9999"]))


def test_a_value_that_is_none_of_five_is_named(
    tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    path = tmp_path / "live.parquet"
    rows = make_rows({0: 3}, missing=0)
    rows.codes[1, 4] = 8
    write_rows(path, rows)
    with pytest.raises(DataError, match=r"'feature_0004' in row 1 \(era X\) is 8"):
        next(read_parquet_blocks(path, FEATURES))
