"""What others find in the rows layout: TensorFlow, and the reader of shards."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards
from numerai_pipeline.data.shards.layouts import layout
from numerai_pipeline.data.shards.packing import pack
from numerai_pipeline.data.shards.records import PackedBlock
from numerai_pipeline.models import load_keras

NAN = np.float32(np.nan)
X = np.array([[0, 1, 2, 3, NAN], [4, 4, NAN, 0, 1]], np.float32)
Y = np.array([[0.25, -0.0, 0.5], [NAN, 0.0, NAN]], np.float32)
PALETTES = ((0.0, 0.25), (-0.0, 0.0), (0.5,))


@pytest.fixture(name="tf", scope="module")
def _tf() -> Any:
    load_keras()  # the quiet way to TensorFlow
    import tensorflow as tf

    return tf


@pytest.fixture(name="records")
def _records(tf: Any, tmp_path: Path) -> list[bytes]:
    """Two rows as TensorFlow reads them, which checks their checksums itself."""
    block = PackedBlock(
        era=574,
        x=pack(np.array([[0, 1, 2, 3, 5], [4, 4, 5, 0, 1]], np.uint8)),
        y=np.array([[1, 0, 0], [255, 1, 255]], np.uint8),
        ids=np.array([b"n000000000000001", b"n2"], "S16"),
    )
    path = tmp_path / "rows.tfr"
    path.write_bytes(layout("rows", n_features=5, palettes=PALETTES).encode(block))
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def same_bits(found: Any, expected: np.ndarray) -> bool:
    of_found, of_expected = np.asarray(found, np.float32), expected
    is_nan = np.isnan(of_expected)
    return bool(
        np.array_equal(np.isnan(of_found), is_nan)
        and of_found[~is_nan].tobytes() == of_expected[~is_nan].tobytes()
    )


def test_every_record_is_an_example_of_one_row(tf: Any, records: list[bytes]) -> None:
    assert len(records) == 2
    for record, x, y, id_ in zip(
        records, X, Y, [b"n000000000000001", b"n2".ljust(16, b"\0")], strict=True
    ):
        feature = tf.train.Example.FromString(record).features.feature
        assert sorted(feature) == ["era", "id", "x", "y"]
        assert same_bits(feature["x"].float_list.value, x)
        assert same_bits(feature["y"].float_list.value, y)
        assert list(feature["id"].bytes_list.value) == [id_]
        assert list(feature["era"].int64_list.value) == [574]


def test_plain_tensorflow_parses_a_row(tf: Any, records: list[bytes]) -> None:
    fields = {
        "x": tf.io.FixedLenFeature([5], tf.float32),
        "y": tf.io.FixedLenFeature([3], tf.float32),
        "id": tf.io.FixedLenFeature([], tf.string),
        "era": tf.io.FixedLenFeature([], tf.int64),
    }
    for record, x, y in zip(records, X, Y, strict=True):
        found = tf.io.parse_single_example(record, fields)
        assert same_bits(found["x"], x)
        assert same_bits(found["y"], y)
        assert int(found["era"]) == 574
        assert len(found["id"].numpy()) == 16


@pytest.mark.parametrize("era", [0, 1, 127, 128, 16_383, 16_384, 32_767])
def test_an_era_of_any_length_is_read(tf: Any, tmp_path: Path, era: int) -> None:
    block = PackedBlock(
        era=era,
        x=pack(np.array([[4]], np.uint8)),
        y=np.empty((1, 0), np.uint8),
        ids=np.array([b"n1"], "S16"),
    )
    path = tmp_path / "rows.tfr"
    path.write_bytes(layout("rows", n_features=1, palettes=()).encode(block))
    (record,) = tf.data.TFRecordDataset(str(path))
    feature = tf.train.Example.FromString(record.numpy()).features.feature
    assert list(feature["era"].int64_list.value) == [era]
    assert list(feature["y"].float_list.value) == []


@pytest.fixture(name="folders")
def _folders(release: Any, tmp_path: Path) -> tuple[Path, Path]:
    for name in ("packed", "rows"):
        options = EtlOptions(purge=0, layout=name)
        build_shards(release.folder, tmp_path / name, options)
    return tmp_path / "packed", tmp_path / "rows"


def test_every_way_of_reading_gives_the_same(folders: tuple[Path, Path]) -> None:
    packed, rows = (ShardReader(folder) for folder in folders)
    wanted: dict[str, Any] = {
        "eras": [3, 9],
        "features": ["feature_0005", "feature_0000"],
    }
    target = "target_victor_60"
    pairs = list(
        zip(
            packed.blocks("train", targets=[target], start_block=1, **wanted),
            rows.blocks("train", targets=[target], start_block=1, **wanted),
            strict=True,
        )
    )
    assert len(pairs) == 1
    pairs.append((packed.read("train", **wanted), rows.read("train", **wanted)))
    for block, of_rows in pairs:
        for name in ("x", "y", "ids", "eras"):
            found, expected = getattr(of_rows, name), getattr(block, name)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    loaded, of_rows = (
        reader.load("train", target=target, **wanted) for reader in (packed, rows)
    )
    for name in ("x", "y", "eras"):
        np.testing.assert_array_equal(getattr(of_rows, name), getattr(loaded, name))
    how: Any = {"batch_rows": 4, "missing": 2.0, "shuffle_seed": 1}
    for (x, y), (of_rows_x, of_rows_y) in zip(
        loaded.dataset(**how),
        of_rows.dataset(**how),
        strict=True,
    ):
        np.testing.assert_array_equal(of_rows_x, x)
        np.testing.assert_array_equal(of_rows_y, y)


def test_a_flipped_bit_names_the_file_and_the_era(folders: tuple[Path, Path]) -> None:
    reader = ShardReader(folders[1])
    shard = reader.manifest.splits["train"].shards[0]
    path, broken_block = folders[1] / shard.name, shard.blocks[1]
    content = bytearray(path.read_bytes())
    content[broken_block.offset + broken_block.bytes // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError,
        match=rf"{shard.name} is broken: the block of era {broken_block.era:04d} at "
        rf"byte {broken_block.offset:,} cannot be read: .*`nai etl`",
    ):
        reader.read("train")
    # Other eras are not read, so theirs is whole.
    assert len(reader.read("train", eras=[shard.blocks[0].era]))
