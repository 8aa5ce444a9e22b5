"""What iterates can be resumed; one checker proves it at every position."""

from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.data import EtlOptions, PackedRows, ShardReader, build_shards

CHOICE: dict[str, Any] = {"target": "target_victor_60", "eras": [1, 2, 4, 9, 20]}
BATCHING: dict[str, Any] = {"batch_rows": 4, "missing": 2.0, "shuffle_seed": 5}

Parts = tuple[np.ndarray, ...]


def check_resumable(start_at: Callable[[int], Iterable[Parts]]) -> None:
    """Every start gives what a whole pass gives from there on, and no less."""
    whole = list(start_at(0))
    assert len(whole) > 3
    for position in range(len(whole) + 2):
        rest = list(start_at(position))
        assert len(rest) == len(whole[position:])
        for found, expected in zip(rest, whole[position:], strict=True):
            for part, of_whole in zip(found, expected, strict=True):
                assert part.dtype == of_whole.dtype
                np.testing.assert_array_equal(part, of_whole)


def numpied(dataset: Any) -> Iterable[Parts]:
    return [tuple(part.numpy() for part in batch) for batch in dataset]


def blocks(reader: ShardReader, start: int) -> Iterable[Parts]:
    found = reader.blocks("train", eras=CHOICE["eras"], start_block=start)
    return [astuple(block) for block in found]


def loaded(reader: ShardReader, *, memory_map: bool = False) -> PackedRows:
    return reader.load("train", **CHOICE, memory_map=memory_map)


def batches(reader: ShardReader, start: int, **how: Any) -> Iterable[Parts]:
    return loaded(reader).batches(**BATCHING, **how, start_batch=start)


def mapped_batches(reader: ShardReader, start: int) -> Iterable[Parts]:
    return loaded(reader, memory_map=True).batches(**BATCHING, start_batch=start)


def batches_as_stored(reader: ShardReader, start: int) -> Iterable[Parts]:
    batching = {**BATCHING, "shuffle_seed": None}
    return loaded(reader).batches(**batching, start_batch=start)


def dataset(reader: ShardReader, start: int, **how: Any) -> Iterable[Parts]:
    return numpied(loaded(reader).dataset(**BATCHING, **how, start_batch=start))


def mapped_dataset(reader: ShardReader, start: int) -> Iterable[Parts]:
    rows = loaded(reader, memory_map=True)
    return numpied(rows.dataset(**BATCHING, start_batch=start))


def batches_of_eras(reader: ShardReader, start: int) -> Iterable[Parts]:
    return batches(reader, start, by_era=True)


def dataset_of_eras(reader: ShardReader, start: int) -> Iterable[Parts]:
    return dataset(reader, start, by_era=True)


def packed_dataset(reader: ShardReader, start: int) -> Iterable[Parts]:
    return dataset(reader, start, packed=True)


@pytest.fixture
def reader(release: Any, tmp_path: Path) -> ShardReader:
    options = EtlOptions(purge=0, rows_per_shard=16)
    build_shards(release.folder, tmp_path / "main", options)
    return ShardReader(tmp_path / "main")


@pytest.mark.parametrize(
    "way",
    [
        blocks,
        batches,
        batches_as_stored,
        mapped_batches,
        dataset,
        mapped_dataset,
        packed_dataset,
        batches_of_eras,
        dataset_of_eras,
    ],
)
@pytest.mark.slow
def test_every_way_goes_on_at_any_position(
    reader: ShardReader, way: Callable[[ShardReader, int], Iterable[Parts]]
) -> None:
    check_resumable(lambda start: way(reader, start))


def test_skipped_blocks_are_not_even_read(reader: ShardReader) -> None:
    first = reader.manifest.splits["train"].shards[0]
    (reader.folder / first.name).unlink()
    n_skipped = len(first.blocks)
    eras = [
        era
        for block in reader.blocks("train", start_block=n_skipped)
        for era in block.eras
    ]
    assert eras[0] == reader.manifest.splits["train"].shards[1].blocks[0].era
