from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.data import (
    EtlOptions,
    PackedRows,
    ShardReader,
    build_shards,
    decode_features,
)
from numerai_pipeline.data.readers.memory import aligned_empty
from numerai_pipeline.data.shards.packing import unpack

TARGET = "target_victor_60"
WANTED: dict[str, Any] = {"batch_rows": 50, "missing": -1.0}


@pytest.fixture
def reader(release: Any, tmp_path: Path) -> ShardReader:
    build_shards(release.folder, tmp_path / "main", EtlOptions(purge=0))
    return ShardReader(tmp_path / "main")


@pytest.fixture
def rows(reader: ShardReader) -> PackedRows:
    return reader.load("train", target=TARGET)


def collect(dataset: Any) -> tuple[np.ndarray, np.ndarray, list[int]]:
    batches = [(x.numpy(), y.numpy()) for x, y in dataset]
    x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return x, y, [len(found) for _, found in batches]


def expected(release: Any) -> tuple[np.ndarray, np.ndarray]:
    has_target = ~np.isnan(release.train.targets[:, 2])
    x = decode_features(release.train.codes[has_target], missing=-1.0)
    return x, release.train.targets[has_target, 2]


def test_unshuffled_batches_are_the_rows_with_the_target(
    release: Any, rows: PackedRows
) -> None:
    x, y, sizes = collect(rows.dataset(**WANTED))
    expected_x, expected_y = expected(release)
    np.testing.assert_array_equal(x, expected_x)
    np.testing.assert_array_equal(y, expected_y)
    assert (x.dtype, y.dtype) == (np.float32, np.float32)
    assert sizes == [50, 50, 50, 10]


def test_the_shapes_are_known_before_the_first_batch(rows: PackedRows) -> None:
    dataset = rows.dataset(**WANTED)
    assert [tuple(spec.shape) for spec in dataset.element_spec] == [(None, 7), (None,)]
    assert int(dataset.cardinality()) == len(list(dataset))


@pytest.mark.parametrize("memory_map", [False, True])
@pytest.mark.parametrize("shuffle_seed", [None, 3])
@pytest.mark.parametrize("batch_rows", [1, 50, 1000])
def test_numpy_and_tensorflow_make_the_same_batches(
    reader: ShardReader, memory_map: bool, shuffle_seed: int | None, batch_rows: int
) -> None:
    rows = reader.load("train", target=TARGET, eras=[1, 7], memory_map=memory_map)
    how = {"batch_rows": batch_rows, "missing": np.nan, "shuffle_seed": shuffle_seed}
    batches = list(rows.batches(**how))
    assert len(batches) == -(-len(rows) // batch_rows)
    for (x, y), (of_tf_x, of_tf_y) in zip(batches, rows.dataset(**how), strict=True):
        assert (x.dtype, y.dtype) == (np.float32, np.float32)
        np.testing.assert_array_equal(x, of_tf_x)
        np.testing.assert_array_equal(y, of_tf_y)


def test_batches_are_the_callers_own(rows: PackedRows) -> None:
    kept = list(rows.batches(**WANTED))
    for x, y in kept:
        x += 1
        y += 1
    again = list(rows.batches(**WANTED))
    np.testing.assert_array_equal(kept[0][0] - 1, again[0][0])
    np.testing.assert_array_equal(kept[0][1] - 1, again[0][1])


def test_an_epoch_can_be_left_early(rows: PackedRows) -> None:
    batches = rows.batches(**WANTED)
    next(batches)
    batches.close()
    assert len(list(rows.batches(**WANTED))) == 4


def test_packed_batches_hold_the_same_rows(rows: PackedRows) -> None:
    packed = rows.dataset(shuffle_seed=3, packed=True, **WANTED)
    assert [tuple(spec.shape) for spec in packed.element_spec] == [(None, 3), (None,)]
    for (x, y), (floats, targets) in zip(
        packed, rows.dataset(shuffle_seed=3, **WANTED), strict=True
    ):
        assert x.dtype == np.uint8
        found = decode_features(unpack(x.numpy(), 7), missing=-1.0)
        np.testing.assert_array_equal(found, floats)
        np.testing.assert_array_equal(y, targets)


def test_rows_lacking_one_of_several_targets_are_dropped(
    release: Any, reader: ShardReader
) -> None:
    names = ["target_victor_60", "target_ender_20"]
    rows = reader.load("train", target=names)
    targets = release.train.targets[:, [2, 1]]
    is_whole = ~np.isnan(targets).any(axis=1)
    assert 0 < is_whole.sum() < (~np.isnan(targets)).any(axis=1).sum()
    np.testing.assert_array_equal(rows.y, targets[is_whole])
    np.testing.assert_array_equal(rows.eras, release.train.eras[is_whole])
    np.testing.assert_array_equal(unpack(rows.x, 7), release.train.codes[is_whole])
    _, y = next(rows.batches(batch_rows=9, missing=2.0))
    (_, of_tf), *_ = rows.dataset(batch_rows=9, missing=2.0)
    assert y.shape == of_tf.shape == (9, 2)
    assert reader.load("train", target=names[:1]).y.shape[1] == 1


def test_eras_stay_beside_their_rows(release: Any, reader: ShardReader) -> None:
    rows = reader.load("train", target=TARGET, eras=[3, 8])
    has_target = ~np.isnan(release.train.targets[:, 2])
    eras = release.train.eras[has_target & np.isin(release.train.eras, [3, 8])]
    assert rows.eras.dtype == np.int16
    np.testing.assert_array_equal(rows.eras, eras)


def test_a_shuffle_gives_every_row_once_with_its_target(
    release: Any, rows: PackedRows
) -> None:
    x, y, _ = collect(rows.dataset(shuffle_seed=3, **WANTED))
    expected_x, expected_y = expected(release)
    assert (x != expected_x).any()

    def in_order(x: np.ndarray, y: np.ndarray) -> list[list[float]]:
        return sorted(np.column_stack([x, y]).tolist())

    assert in_order(x, y) == in_order(expected_x, expected_y)


def test_an_epoch_can_be_had_again_and_no_two_are_alike(rows: PackedRows) -> None:
    def epoch(number: int, seed: int = 3) -> np.ndarray:
        dataset = rows.dataset(shuffle_seed=seed, epoch=number, **WANTED)
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
    rows = reader.load("train", target=TARGET)
    first = collect(rows.dataset(**WANTED))[0]
    for path in reader.folder.glob("*.tfr"):
        path.unlink()
    np.testing.assert_array_equal(collect(rows.dataset(**WANTED))[0], first)


def same(found: PackedRows, expected: PackedRows) -> bool:
    parts = zip(
        (found.x, found.y, found.eras),
        (expected.x, expected.y, expected.eras),
        strict=True,
    )
    return all(np.array_equal(part, other) for part, other in parts)


@pytest.mark.parametrize("features", [None, ["feature_0006", "feature_0001"]])
def test_a_mapped_matrix_is_the_one_in_memory(
    reader: ShardReader, features: list[str] | None
) -> None:
    choice: dict[str, Any] = {"target": TARGET, "features": features}
    files = sorted(reader.folder.iterdir())
    mapped = reader.load("train", memory_map=True, **choice)
    assert sorted(reader.folder.iterdir()) == files  # it has no name
    assert same(mapped, reader.load("train", **choice))
    assert mapped.x.ctypes.data % 64 == 0


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
    loaded = ShardReader(tmp_path / "s").load("train", target="target")
    x, _, _ = collect(loaded.dataset(batch_rows=8, missing=0.5))
    np.testing.assert_array_equal(x, decode_features(rows.codes, missing=0.5))


# Eras 1 to 3 with 5, 12 and 1 rows, in disorder.
UNEVEN = np.array([2, 1, 2, 2, 3, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2], np.int16)


def of_eras(eras: np.ndarray) -> PackedRows:
    """Rows whose packed byte and target are their number."""
    n_rows = len(eras)
    x, y = aligned_empty((n_rows, 1), np.uint8), aligned_empty((n_rows,), np.float32)
    x[:, 0], y[:] = np.arange(n_rows), np.arange(n_rows)
    return PackedRows(x, y, eras, n_features=3)


@pytest.mark.parametrize("shuffle_seed", [None, 3])
def test_batches_of_one_era_each_are_as_many_for_each_era(
    shuffle_seed: int | None,
) -> None:
    rows = of_eras(UNEVEN)
    cuts = rows.cuts(batch_rows=5, shuffle_seed=shuffle_seed, by_era=True)
    # Of the 12 rows of era 2 there are three batches, and so of the others.
    found = sorted((int(rows.eras[cut][0]), len(cut)) for cut in cuts)
    assert found == [
        *((1, size) for size in (1, 2, 2)),
        *((2, size) for size in (4, 4, 4)),
        *((3, 1),) * 3,
    ]
    for cut in cuts:
        assert len(set(rows.eras[cut])) == 1
    whole = np.concatenate(cuts)
    assert set(whole) == set(range(len(rows)))
    # The one row of era 3 is given three times, all others once.
    assert len(whole) == len(rows) + 2


def test_an_epoch_of_eras_can_be_had_again_and_no_two_are_alike() -> None:
    rows = of_eras(UNEVEN)

    def epoch(number: int) -> list[list[int]]:
        how = {"batch_rows": 4, "shuffle_seed": 3, "by_era": True}
        return [cut.tolist() for cut in rows.cuts(epoch=number, **how)]

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_the_shares_of_a_batch_make_its_mean() -> None:
    rows = of_eras(UNEVEN)
    weights = np.linspace(0.5, 2.0, len(rows)).astype(np.float32)
    dataset = rows.dataset(batch_rows=7, missing=2.0, weights=weights)
    for start, (_, y, shares) in zip((0, 7, 14), dataset, strict=True):
        some = slice(start, start + 7)
        expected = np.mean(weights[some] * np.arange(len(rows))[some])
        assert float(np.sum(y * shares)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n_devices", [2, 3])
@pytest.mark.parametrize("batch_rows", [7, 17])
def test_devices_get_the_parts_of_each_batch(n_devices: int, batch_rows: int) -> None:
    rows = of_eras(UNEVEN)
    weights = np.ones(len(rows), np.float32)
    how: dict[str, Any] = {"batch_rows": batch_rows, "shuffle_seed": 5}
    parts = list(rows.dataset(missing=2.0, weights=weights, n_devices=n_devices, **how))
    cuts = rows.cuts(**how)
    assert len(parts) == n_devices * len(cuts)
    for number, cut in enumerate(cuts):
        of_batch = parts[number * n_devices : (number + 1) * n_devices]
        assert all(len(y) for _, y, _ in of_batch)  # none is left without a row
        y, shares = (
            np.concatenate([part[place].numpy() for part in of_batch])
            for place in (1, 2)
        )
        np.testing.assert_array_equal(y[shares > 0], cut)
        assert shares.sum() == pytest.approx(1.0)
