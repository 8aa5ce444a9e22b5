from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data.parquet.benchmarks import (
    BenchmarkModel,
    both_benchmark_files,
)

IDS = np.array([b"n3", b"n1", b"n9", b"n2"], "S16")


@pytest.fixture
def write(tmp_path):
    """A function that writes benchmark files: ids, and a column of the first file."""

    def files(first=("n1", "n2"), second=("n3",), **columns):
        for name, ids, values in (
            ("train", first, columns or {"m": np.arange(len(first)) / 4}),
            ("validation", second, {"m": [0.75] * len(second)}),
        ):
            frame = pd.DataFrame(values, index=pd.Index(ids, name="id"))
            frame.to_parquet(tmp_path / f"{name}_benchmark_models.parquet")
        return both_benchmark_files(tmp_path)

    return files


def test_predictions_are_found_by_id(write) -> None:
    found = BenchmarkModel(write(), "m").predictions(IDS)
    np.testing.assert_array_equal(found, [0.75, 0, np.nan, 0.25])


def test_a_file_may_lack_the_model(write) -> None:
    found = BenchmarkModel(write(other=[1.0, 2.0]), "m").predictions(IDS)
    np.testing.assert_array_equal(found, [0.75, np.nan, np.nan, np.nan])


def test_what_is_wrong_is_named(write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train_benchmark_models.*--benchmarks`"):
        both_benchmark_files(tmp_path)
    with pytest.raises(ConfigError, match=r"no benchmark model 'mm'.*mean 'm'"):
        BenchmarkModel(write(), "mm")
    with pytest.raises(DataError, match="the id n1 twice"):
        BenchmarkModel(write(second=("n1",)), "m")
    with pytest.raises(
        DataError, match=r"train_bench.* has 1 infinite values in .*'m'"
    ):
        BenchmarkModel(write(m=[0.0, np.inf]), "m")
    with pytest.raises(DataError, match="the column 'm', which holds no numbers"):
        BenchmarkModel(write(m=["a", "b"]), "m")
