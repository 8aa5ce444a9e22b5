from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.data import EtlOptions, ShardReader, build_shards, decode_features

TARGET = "target_victor_60"
WANTED: dict[str, Any] = {"target": TARGET, "batch_rows": 50, "missing": -1.0}


@pytest.fixture
def reader(release: Any, tmp_path: Path) -> ShardReader:
    build_shards(release.folder, tmp_path / "main", EtlOptions(purge=0))
    return ShardReader(tmp_path / "main")


def collect(dataset: Any) -> tuple[np.ndarray, np.ndarray, list[int]]:
    batches = [(x.numpy(), y.numpy()) for x, y in dataset]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return x, y, [len(found) for _, found in batches]


def expected(release: Any) -> tuple[np.ndarray, np.ndarray]:
    has_target = ~np.isnan(release.train.targets[:, 2])
    x = decode_features(release.train.codes[has_target], missing=-1.0)
    return x, release.train.targets[has_target, 2]


def test_unshuffled_batches_are_the_rows_with_the_target(
    release: Any, reader: ShardReader
) -> None:
    x, y, sizes = collect(reader.dataset("train", **WANTED))
    expected_x, expected_y = expected(release)
    np.testing.assert_array_equal(x, expected_x)
    np.testing.assert_array_equal(y, expected_y)
    assert (x.dtype, y.dtype) == (np.float32, np.float32)
    assert sizes == [50, 50, 50, 10]


def test_the_shapes_are_known_before_the_first_batch(reader: ShardReader) -> None:
    dataset = reader.dataset("train", **WANTED)
    assert [tuple(spec.shape) for spec in dataset.element_spec] == [(None, 7), (None,)]
    assert int(dataset.cardinality()) == len(list(dataset))


def test_a_shuffle_gives_every_row_once_with_its_target(
    release: Any, reader: ShardReader
) -> None:
    x, y, _ = collect(reader.dataset("train", shuffle_seed=3, **WANTED))
    expected_x, expected_y = expected(release)
    assert (x != expected_x).any()

    def rows(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
        return sorted(np.column_stack([x, y]).tolist())

    assert rows(x, y) == rows(expected_x, expected_y)


def test_an_epoch_can_be_had_again_and_no_two_are_alike(reader: ShardReader) -> None:
    def epoch(number: int, seed: int = 3) -> np.ndarray:
        dataset = reader.dataset("train", shuffle_seed=seed, epoch=number, **WANTED)
        return collect(dataset)[0]

    first = epoch(0)
    third = epoch(2)
    np.testing.assert_array_equal(epoch(0), first)
    np.testing.assert_array_equal(epoch(2), third)
    assert (first != third).any()
    assert (first != epoch(0, seed=4)).any()


def test_every_place_is_equally_likely(reader: ShardReader) -> None:
    rows = reader.load("train", target=TARGET)
    n_rows = len(rows.y)
    first = [rows.order(5, epoch)[0] for epoch in range(400)]
    # Uniform: the mean of 400 draws is within four standard errors of the middle.
    assert abs(np.mean(first) - n_rows / 2) < 4 * n_rows / np.sqrt(12 * 400)
    assert sorted(rows.order(5, 1)) == list(range(n_rows))


def test_chosen_eras_and_features_are_packed_alone(
    release: Any, reader: ShardReader
) -> None:
    features = ["feature_0006", "feature_0001"]
    rows = reader.load("train", features=features, target="target", eras=[2, 7])
    assert (rows.x.shape[1], rows.n_features) == (1, 2)
    x, y, _ = collect(rows.dataset(batch_rows=100, missing=2.0))
    chosen = np.isin(release.train.eras, [2, 7])
    codes = release.train.codes[chosen][:, [6, 1]]
    np.testing.assert_array_equal(x, decode_features(codes, missing=2.0))
    np.testing.assert_array_equal(y, release.train.targets[chosen, 0])


def test_rows_are_read_once_for_many_epochs(reader: ShardReader) -> None:
    first = collect(reader.dataset("train", **WANTED))[0]
    for path in reader.folder.glob("*.tfr"):
        path.unlink()
    np.testing.assert_array_equal(collect(reader.dataset("train", **WANTED))[0], first)


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5])
def test_defect_11_any_number_of_features(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    write_catalog: Callable,
    n_features: int,
) -> None:
    rows = make_rows({1: 20}, n_features=n_features)
    write_catalog(tmp_path, rows.features)
    write_rows(tmp_path / "train.parquet", rows)
    build_shards(tmp_path, tmp_path / "s", EtlOptions(sources=("train",)))
    dataset = ShardReader(tmp_path / "s").dataset(
        "train", target="target", batch_rows=8, missing=0.5
    )
    np.testing.assert_array_equal(
        collect(dataset)[0], decode_features(rows.codes, missing=0.5)
    )
