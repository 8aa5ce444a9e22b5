"""Parquet to shards, beside its two bounds and beside one Example of floats a row.

Each way is a process of its own, run one after the other on the same file of the
simulated market at full width: 2,748 features, 41 targets. Imports are not timed.
Run it as:

    python benchmarks/etl.py [--rows 300000]
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from measuring import ROWS_OF_ERA, Measured, measured, write_market

# The row-wise ways take a minute for what the others do in a tenth of a second.
ROWS_OF_ROW_WISE = 20_000

COPIED_BYTES = 1 << 20


def decode(folder: Path) -> tuple[int, float]:
    """Decode every row group; the first bound of any ETL."""
    import pyarrow.parquet as pq

    started = time.perf_counter()
    with pq.ParquetFile(folder / "v5.3" / "train.parquet") as file:
        groups = range(file.num_row_groups)
        n_rows = sum(file.read_row_group(group).num_rows for group in groups)
    return n_rows, time.perf_counter() - started


def copy(folder: Path) -> tuple[int, float]:
    """Write the bytes of the shards to other files; the second bound."""
    from numerai_pipeline.data import ShardManifest

    manifest = ShardManifest.load(folder / "shards")
    copies = folder / "copies"
    copies.mkdir(exist_ok=True)
    started = time.perf_counter()
    for shard in manifest.shards:
        path = folder / "shards" / shard.name
        with path.open("rb") as source, (copies / shard.name).open("wb") as target:
            while content := source.read(COPIED_BYTES):
                target.write(content)
    seconds = time.perf_counter() - started
    shutil.rmtree(copies)
    return manifest.n_rows, seconds


def etl(folder: Path) -> tuple[int, float]:
    """Make shards of every row."""
    from numerai_pipeline.data import EtlOptions, build_shards

    shutil.rmtree(folder / "shards", ignore_errors=True)
    started = time.perf_counter()
    options = EtlOptions(sources=("train",))
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.n_rows, time.perf_counter() - started


def row_by_row(folder: Path) -> tuple[int, float]:
    """Write rows as the scripts did that this replaces: a table of float64, row by row.

    They held all rows that way; here only those that are written.
    """
    import tensorflow as tf  # noqa: F401 - its import is not timed

    started = time.perf_counter()
    table, features, targets = _table(folder)
    numbers = [*features, *targets]
    table[numbers] = table[numbers].astype("float64").fillna(2.0)
    rows = (
        (row[features].tolist(), row[targets].tolist(), id_, int(row["era"]))
        for id_, row in table.iterrows()
    )
    return _write_examples(folder, rows), time.perf_counter() - started


def lean(folder: Path) -> tuple[int, float]:
    """Write the same rows from numpy: what is left when pandas is taken out."""
    import tensorflow as tf  # noqa: F401 - its import is not timed

    started = time.perf_counter()
    table, features, targets = _table(folder)
    x, y = table[features].to_numpy("float64"), table[targets].to_numpy("float64")
    rows = zip(x, y, table.index, table["era"].astype(int), strict=True)
    return _write_examples(folder, rows), time.perf_counter() - started


def _table(folder: Path) -> tuple[Any, list[str], list[str]]:
    """Return the first rows of the file, and the names of features and targets."""
    import pandas as pd

    eras = [f"{1 + era:04d}" for era in range(-(-ROWS_OF_ROW_WISE // ROWS_OF_ERA))]
    path = folder / "v5.3" / "train.parquet"
    table = pd.read_parquet(path, filters=[("era", "in", eras)])[:ROWS_OF_ROW_WISE]
    if "id" in table:
        table = table.set_index("id")
    features = [name for name in table if name.startswith("feature_")]
    targets = [name for name in table if name.startswith("target")]
    return table, features, targets


def _write_examples(folder: Path, rows: Iterable[tuple[Any, Any, str, int]]) -> int:
    """Write one Example a row, of float lists; return how many."""
    import tensorflow as tf

    train = tf.train
    n_rows = 0
    with tf.io.TFRecordWriter(str(folder / "rows.tfr")) as file:
        for x, y, id_, era in rows:
            feature = {
                "x": train.Feature(float_list=train.FloatList(value=x)),
                "y": train.Feature(float_list=train.FloatList(value=y)),
                "id": train.Feature(bytes_list=train.BytesList(value=[id_.encode()])),
                "era": train.Feature(int64_list=train.Int64List(value=[era])),
            }
            example = train.Example(features=train.Features(feature=feature))
            file.write(example.SerializeToString())
            n_rows += 1
    return n_rows


WAYS: dict[str, Callable[[Path], tuple[int, float]]] = {
    "decode": decode,
    "etl": etl,
    "copy": copy,
    "row_by_row": row_by_row,
    "lean": lean,
}


def record_download(folder: Path) -> None:
    """Note the file's checksum, as a download does: the ETL need not make it again."""
    from numerai_pipeline.core import sha256_of
    from numerai_pipeline.data.downloads.records import FileRecord, write_record

    path = folder / "v5.3" / "train.parquet"
    found = path.stat()
    record = FileRecord(
        filename=path.name,
        round_number=None,
        size=found.st_size,
        sha256=sha256_of(path),
        etag=None,
        rows=None,
        eras=None,
        fetched_at="2026-01-01T00:00:00Z",
        modified_ns=found.st_mtime_ns,
    )
    write_record(path, record)


def in_turn(folder: Path, ways: Sequence[str], repeats: int) -> dict[str, Measured]:
    """Run some ways, and again, so that a busy moment of the machine hits them all.

    Returns:
        Of each way the quickest run, with the highest peak.
    """
    rounds = [[measured(__file__, way, folder) for way in ways] for _ in range(repeats)]
    return {
        way: Measured(
            *min((run.rows, run.seconds) for run in runs),
            peak_mb=max(run.peak_mb for run in runs),
            anonymous_mb=max(run.anonymous_mb for run in runs),
        )
        for way, runs in zip(ways, zip(*rounds, strict=True), strict=True)
    }


def show(title: str, found: Measured) -> None:
    """Print a line of the table."""
    speed = f"{found.rows_per_second:,.0f}"
    print(
        f"| {title} | {found.rows:,} | {speed} | {found.peak_mb:,.0f} MB |", flush=True
    )


def compare(folder: Path, n_rows: int) -> None:
    """Measure all ways and print what they make of each other."""
    once, twice = folder / "once", folder / "twice"
    write_market(once, n_rows)
    record_download(once)
    print("| way | rows | rows/s | peak memory |\n| --- | --- | --- | --- |")
    found = in_turn(once, ["decode", "etl", "copy"], repeats=5)
    decoded, built, copied = found["decode"], found["etl"], found["copy"]
    show("pyarrow decodes the file and does nothing with it", decoded)
    show("nai etl", built)
    show("the shards' bytes copied to other files", copied)
    found = in_turn(once, ["lean", "row_by_row"], repeats=1)
    by_numpy, row_wise = found["lean"], found["row_by_row"]
    show("one Example of float lists a row, from numpy", by_numpy)
    show("the same from pandas, row by row", row_wise)
    shutil.rmtree(once)
    write_market(twice, 2 * n_rows)
    record_download(twice)
    built_twice = in_turn(twice, ["etl"], repeats=2)["etl"]
    show("nai etl, twice the rows", built_twice)
    ratios = {
        "nai etl / pyarrow's decode": built.rows_per_second / decoded.rows_per_second,
        "nai etl / copy": built.rows_per_second / copied.rows_per_second,
        "nai etl / row by row": built.rows_per_second / row_wise.rows_per_second,
        "nai etl / an Example a row from numpy": (
            built.rows_per_second / by_numpy.rows_per_second
        ),
        "peak memory, twice the rows / once": built_twice.peak_mb / built.peak_mb,
    }
    print("\n| ratio | |\n| --- | --- |")
    for name, ratio in ratios.items():
        print(f"| {name} | {ratio:.3g} |")


def main() -> None:
    """Measure all ways on one file, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        n_rows, seconds = WAYS[given.way](given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), given.rows)


if __name__ == "__main__":
    main()
