import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards


@pytest.fixture
def shards(release: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "main"
    build_shards(release.folder, folder, EtlOptions(purge=0, rows_per_shard=64))
    return folder


def test_a_reader_tells_what_is_there(release: Any, shards: Path) -> None:
    reader = ShardReader(shards)
    assert reader.eras("train") == tuple(range(1, 31))
    assert reader.n_rows("train") == len(release.train.eras)
    assert reader.n_rows("valid", eras=[31, 33]) == 12


@pytest.mark.parametrize("step", [1, 2, 4])
def test_any_choice_of_eras_comes_in_ascending_order(
    release: Any, shards: Path, step: int
) -> None:
    reader = ShardReader(shards)
    eras = reader.eras("train")[::step]
    block = reader.read("train", eras=eras[::-1])
    chosen = np.isin(release.train.eras, eras)
    np.testing.assert_array_equal(block.x, release.train.codes[chosen])
    np.testing.assert_array_equal(block.eras, release.train.eras[chosen])
    assert len(block) == reader.n_rows("train", eras) == chosen.sum()


def test_other_eras_are_not_even_read(shards: Path) -> None:
    reader = ShardReader(shards)
    shard = reader.manifest.splits["train"].shards[0]
    first, second = shard.blocks[0], shard.blocks[1]
    path = shards / shard.name
    content = bytearray(path.read_bytes())
    content[second.offset : second.offset + second.bytes] = bytes(second.bytes)
    path.write_bytes(content)
    assert len(reader.read("train", eras=[first.era])) == first.rows
    with pytest.raises(DataError, match="is broken: the block of era 0002"):
        reader.read("train", eras=[second.era])


def test_features_and_targets_come_in_the_order_asked_for(
    release: Any, shards: Path
) -> None:
    features = ["feature_0005", "feature_0000", "feature_0003"]
    targets = ["target_victor_60", "target"]
    for block in ShardReader(shards).blocks(
        "train", eras=[3], features=features, targets=targets
    ):
        rows = release.train.eras == 3
        expected = release.train.codes[rows][:, [5, 0, 3]]
        np.testing.assert_array_equal(block.x, expected)
        assert block.x.flags.c_contiguous
        np.testing.assert_array_equal(block.y, release.train.targets[rows][:, [2, 0]])
        assert block.y.dtype == np.float32
        assert block.ids.tolist() == release.train.ids[rows].tolist()
        assert block.eras.tolist() == [3] * rows.sum()


def test_no_eras_are_no_rows(shards: Path) -> None:
    block = ShardReader(shards).read("train", eras=[], targets=[])
    assert block.x.shape == (0, 7)
    assert block.y.shape == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"split": "trian"}, r"has no split 'trian'. Did you mean 'train'\?"),
        ({"split": "test"}, r"has no split 'test'. It has train, valid"),
        (
            {"eras": [1, 31, 99]},
            r"split 'train' has no era 0031 \(2 of 3 eras are not there\). It has 30, "
            "0001 to 0030",
        ),
        ({"features": ["feature_00001"]}, r"no feature 'feature_00001'. Did you mean"),
        ({"targets": ["target_ender_60"]}, r"Did you mean 'target_ender_20'\?"),
    ],
)
def test_what_is_not_there_is_named(
    shards: Path, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        ShardReader(shards).read(**{"split": "train", **arguments})


def test_a_target_that_no_row_has_is_refused(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, write_catalog: Callable
) -> None:
    rows = make_rows({1: 5})
    rows.targets[:, 2] = np.nan
    write_catalog(tmp_path, rows.features)
    write_rows(tmp_path / "train.parquet", rows)
    build_shards(tmp_path, tmp_path / "s", EtlOptions(sources=("train",)))
    with pytest.raises(
        DataError, match="no row of the chosen eras has the target 'target_victor_60'"
    ):
        ShardReader(tmp_path / "s").load("train", target="target_victor_60")


@pytest.mark.parametrize("layout", ["packed", "rows"])
def test_a_whole_file_of_other_shards_is_noticed(
    release: Any, tmp_path: Path, write_rows: Callable, layout: Any
) -> None:
    options = EtlOptions(sources=("train",), layout=layout)
    build_shards(release.folder, tmp_path / "a", options)
    release.train.codes[-1, 0] = (release.train.codes[-1, 0] + 1) % 5
    write_rows(release.folder / "train.parquet", release.train)
    build_shards(release.folder, tmp_path / "b", options)
    name = "train_0000.tfr"
    (tmp_path / "b" / name).replace(tmp_path / "a" / name)
    with pytest.raises(DataError, match="it is another block than the one in the"):
        ShardReader(tmp_path / "a").read("train")


def flip_a_bit(content: bytes) -> bytes:
    broken = bytearray(content)
    broken[len(broken) // 2] ^= 4
    return bytes(broken)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (None, r"train_0001\.tfr does not exist, but the manifest lists it"),
        (lambda _: b"", r"train_0001\.tfr has 0 bytes, but the manifest says [\d,]+"),
        (lambda content: content[:-1], r"train_0001\.tfr has .* was cut or changed"),
        (flip_a_bit, r"train_0001\.tfr is broken: the block of era .* checksum"),
        (lambda content: b"\1" * len(content), r"train_0001\.tfr is broken: .* length"),
    ],
    ids=["missing", "empty", "cut", "flipped", "foreign"],
)
def test_defect_free_bytes_or_an_error_that_names_the_file(
    shards: Path, damage: Callable[[bytes], bytes] | None, sentence: str
) -> None:
    path = shards / "train_0001.tfr"
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    reader = ShardReader(shards)
    with pytest.raises(DataError, match=sentence + r".*`nai etl`"):
        reader.read("train")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            None,
            r"main holds no shards: there is no manifest\.json. Run `nai etl` first",
        ),
        (lambda _: "", r"manifest\.json is not valid JSON"),
        (lambda text: text[:-9], r"manifest\.json is not valid JSON"),
        (lambda _: "[]", "has the layout None, but this version reads 'numerai-"),
        (
            lambda text: text.replace("packed 1", "packed 2"),
            "has the layout 'numerai-pipeline packed 2', but this version reads "
            "'numerai-pipeline packed 1' and 'numerai-pipeline rows 1'. Run `nai etl`",
        ),
        (
            lambda text: json.dumps({**json.loads(text), "features": 3}),
            r"manifest\.json is broken at features: Input should be a valid tuple",
        ),
    ],
    ids=["missing", "empty", "cut", "another", "version", "broken"],
)
def test_a_broken_manifest_is_named(
    shards: Path, damage: Callable[[str], str] | None, sentence: str
) -> None:
    path = shards / "manifest.json"
    text = path.read_text()
    path.unlink()
    if damage:
        path.write_text(damage(text))
    with pytest.raises(DataError, match=sentence):
        ShardReader(shards)
