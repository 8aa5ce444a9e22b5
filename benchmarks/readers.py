"""Every way to read shards, beside their bound and beside one Example of floats a row.

Each way is a process of its own, run one after the other on the same shards of the
simulated market at full width: 2,748 features, 41 targets. A way that goes through
the rows in epochs is timed over its second epoch: imports, reading the shards into
memory and the first epoch's compiling are not in its time, but in its memory. Run it
as:

    python benchmarks/readers.py [--rows 300000]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from measuring import Measured, measured, write_market

# What the row-wise way takes two seconds for.
ROWS_OF_ROW_WISE = 20_000
ROW_WISE_FILE = "rows.tfr"
BATCH_ROWS = 4_096
MISSING = 2.0
REPEATS = 3

Timed = tuple[int, float]


def timed(batches: Callable[[int], Iterable[Any]]) -> Timed:
    """Go through epoch 0, then count and time the rows of epoch 1."""
    for _ in batches(0):
        pass
    started = time.perf_counter()
    n_rows = sum(len(y) for _, y in batches(1))
    return n_rows, time.perf_counter() - started


def write_rows(folder: Path) -> Timed:
    """Write what the row-wise way reads, with missing features as NaN."""
    import numpy as np
    import tensorflow as tf

    from numerai_pipeline.data import ShardReader, decode_features

    started = time.perf_counter()
    n_rows = 0
    with tf.io.TFRecordWriter(str(folder / ROW_WISE_FILE)) as file:
        for block in ShardReader(folder / "shards").blocks("train"):
            x = decode_features(block.x, np.nan)
            for row in range(min(len(block), ROWS_OF_ROW_WISE - n_rows)):
                file.write(example(x[row], block.y[row], block.ids[row], block.eras))
                n_rows += 1
            if n_rows == ROWS_OF_ROW_WISE:
                break
    return n_rows, time.perf_counter() - started


def example(x: Any, y: Any, id_: bytes, eras: Any) -> bytes:
    """Return one row as the scripts stored it that this replaces."""
    from tensorflow.train import (
        BytesList,
        Example,
        Feature,
        Features,
        FloatList,
        Int64List,
    )

    feature = {
        "x": Feature(float_list=FloatList(value=x)),
        "y": Feature(float_list=FloatList(value=y)),
        "id": Feature(bytes_list=BytesList(value=[id_])),
        "era": Feature(int64_list=Int64List(value=[int(eras[0])])),
    }
    return Example(features=Features(feature=feature)).SerializeToString()


def row_wise(folder: Path) -> Timed:
    """Read as those scripts did: row by row, through a shuffle buffer."""
    return timed(lambda epoch: row_wise_batches(folder, epoch, BATCH_ROWS))


def row_wise_batches(folder: Path, epoch: int, batch_rows: int) -> Any:
    """Return an epoch of what ``write_rows`` wrote, as those scripts read it."""
    import tensorflow as tf

    from numerai_pipeline.data import ShardReader

    manifest = ShardReader(folder / "shards").manifest
    fields = {
        "x": tf.io.FixedLenFeature([len(manifest.features)], tf.float32),
        "y": tf.io.FixedLenFeature([len(manifest.targets)], tf.float32),
        "id": tf.io.FixedLenFeature([], tf.string),
        "era": tf.io.FixedLenFeature([], tf.int64),
    }

    def parse(record: Any) -> Any:
        found = tf.io.parse_single_example(record, fields)
        x = found["x"]
        return tf.where(tf.math.is_nan(x), MISSING, x), found["y"][0]

    return (
        tf.data.TFRecordDataset(str(folder / ROW_WISE_FILE))
        .map(parse)
        .shuffle(ROWS_OF_ROW_WISE, seed=epoch)
        .batch(batch_rows)
        .prefetch(tf.data.AUTOTUNE)
    )


def copied(folder: Path) -> Timed:
    """Copy the packed bytes: no reader can be faster."""
    import numpy as np

    rows = loaded(folder)
    copy = np.zeros_like(rows.x)
    started = time.perf_counter()
    np.copyto(copy, rows.x)
    return len(rows), time.perf_counter() - started


def loaded(folder: Path, *, memory_map: bool = False) -> Any:
    """Return all rows with the main target."""
    from numerai_pipeline.data import ShardReader

    reader = ShardReader(folder / "shards")
    return reader.load("train", target="target", memory_map=memory_map)


def load(folder: Path, *, memory_map: bool) -> Timed:
    """Read the shards into one packed matrix, every checksum verified."""
    import numerai_pipeline.data  # noqa: F401 - its time is not counted

    started = time.perf_counter()
    rows = loaded(folder, memory_map=memory_map)
    return len(rows), time.perf_counter() - started


def blocks(folder: Path, *, step: int = 1) -> Timed:
    """Read block by block into bytes; count all rows, also those skipped."""
    from numerai_pipeline.data import ShardReader

    reader = ShardReader(folder / "shards")
    eras = reader.eras("train")[::step]
    started = time.perf_counter()
    for block in reader.blocks("train", eras=eras, targets=["target"]):
        assert block.x.size
    return reader.n_rows("train"), time.perf_counter() - started


def tf_data(folder: Path, *, packed: bool) -> Timed:
    """Shuffled batches through ``tf.data``."""
    rows = loaded(folder)
    return timed(
        lambda epoch: rows.dataset(
            batch_rows=BATCH_ROWS,
            missing=MISSING,
            shuffle_seed=1,
            epoch=epoch,
            packed=packed,
        )
    )


def numpy(folder: Path, *, memory_map: bool) -> Timed:
    """Shuffled float32 batches through numpy."""
    rows = loaded(folder, memory_map=memory_map)
    return timed(
        lambda epoch: rows.batches(
            batch_rows=BATCH_ROWS, missing=MISSING, shuffle_seed=1, epoch=epoch
        )
    )


ROW_WISE = "one Example of floats a row, row by row"
NUMPY, TF_DATA = "numpy batches, float32", "tf.data batches, float32"
ALL_ERAS, FOURTH = "blocks of all eras", "blocks of every 4th era"
WAYS: dict[str, Callable[[Path], Timed]] = {
    ROW_WISE: row_wise,
    "a copy of the packed bytes": copied,
    "load into memory": partial(load, memory_map=False),
    "load into a mapped file": partial(load, memory_map=True),
    ALL_ERAS: blocks,
    FOURTH: partial(blocks, step=4),
    TF_DATA: partial(tf_data, packed=False),
    "tf.data batches, packed": partial(tf_data, packed=True),
    NUMPY: partial(numpy, memory_map=False),
    "numpy batches, float32, mapped file": partial(numpy, memory_map=True),
}


def build(folder: Path) -> Timed:
    """Make the shards."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    options = EtlOptions(sources=("train",))
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.n_rows, time.perf_counter() - started


PREPARATIONS = {"etl": build, "rows": write_rows}


def main() -> None:
    """Measure all ways on the same shards, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--way", choices=[*WAYS, *PREPARATIONS])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        n_rows, seconds = {**WAYS, **PREPARATIONS}[given.way](given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_market(folder, given.rows)
        for preparation in PREPARATIONS:
            measured(__file__, preparation, folder)
        found: dict[str, Measured] = {}
        print("| way | rows/s | to row-wise | peak memory |")
        print("| --- | --- | --- | --- |")
        for way in WAYS:
            # The best, because another job can only slow a run down.
            runs = [measured(__file__, way, folder) for _ in range(REPEATS)]
            found[way] = max(runs, key=lambda run: run.rows_per_second)
            peak_mb = max(run.peak_mb for run in runs)
            speed = found[way].rows_per_second
            ratio = speed / found[ROW_WISE].rows_per_second
            cells = way, f"{speed:,.0f}", f"{ratio:,.1f}", f"{peak_mb:,.0f} MB"
            print(f"| {' | '.join(cells)} |", flush=True)
    share = found[FOURTH].seconds / found[ALL_ERAS].seconds
    print(f"\nevery 4th era / all eras: {share:.2f} of the time")


if __name__ == "__main__":
    main()
