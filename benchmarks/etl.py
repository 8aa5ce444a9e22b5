"""Parquet to shards, beside its bound and beside one Example of floats a row.

Each way is a process of its own, run one after the other on the same file of the
simulated market at full width: 2,748 features, 41 targets. Imports are not timed.
Run it as:

    python benchmarks/etl.py [--rows 100000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = {
    "decode": "pyarrow decodes the file and does nothing with it",
    "etl": "nai etl",
    "rows": "one Example of float lists a row",
}
# The row-wise way takes minutes for what the others do in seconds.
ROWS_OF_ROW_WISE = 2_000
ROWS_OF_ERA = 5_000


def write_market(folder: Path, n_rows: int) -> None:
    """Write a training file of about ``n_rows`` rows, and nothing else."""
    from numerai_pipeline.core import write_json
    from numerai_pipeline.simulator import Market, preset

    spec = preset(
        "full",
        n_train_eras=max(2, n_rows // ROWS_OF_ERA),
        n_validation_eras=12,
        min_rows=ROWS_OF_ERA,
        max_rows=ROWS_OF_ERA,
    )
    market = Market(spec)
    market.write(folder, ("v5.3",))
    write_json(folder / "v5.3" / "features.json", market.catalog("v5.3"))


def decode(folder: Path) -> tuple[int, float]:
    """Decode every row group; the bound of any ETL."""
    import pyarrow.parquet as pq

    started = time.perf_counter()
    with pq.ParquetFile(folder / "v5.3" / "train.parquet") as file:
        groups = range(file.num_row_groups)
        n_rows = sum(file.read_row_group(group).num_rows for group in groups)
    return n_rows, time.perf_counter() - started


def etl(folder: Path) -> tuple[int, float]:
    """Make shards of every row."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    options = EtlOptions(sources=("train",))
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.n_rows, time.perf_counter() - started


def rows(folder: Path) -> tuple[int, float]:
    """Write some rows as the scripts did that this replaces."""
    import pandas as pd
    import tensorflow as tf

    started = time.perf_counter()
    table = pd.read_parquet(
        folder / "v5.3" / "train.parquet", filters=[("era", "==", "0001")]
    ).head(ROWS_OF_ROW_WISE)
    features = [name for name in table if name.startswith("feature_")]
    targets = [name for name in table if name.startswith("target")]
    x, y = table[features].to_numpy(float), table[targets].to_numpy(float)
    with tf.io.TFRecordWriter(str(folder / "rows.tfr")) as file:
        for index, id_ in enumerate(table.index):
            feature = {
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=x[index])),
                "y": tf.train.Feature(float_list=tf.train.FloatList(value=y[index])),
                "id": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[id_.encode()])
                ),
                "era": tf.train.Feature(int64_list=tf.train.Int64List(value=[1])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            file.write(example.SerializeToString())
    return len(table), time.perf_counter() - started


def measured(way: str, folder: Path) -> tuple[float, float]:
    """Run a way as a process; return rows a second and the peak in MB."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{way} ended with {process.returncode}")
    found = json.loads(printed)
    return found["rows"] / found["seconds"], usage.ru_maxrss / 1024


def main() -> None:
    """Measure all ways on one file, best of three, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        run = {"decode": decode, "etl": etl, "rows": rows}[given.way]
        n_rows, seconds = run(given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_market(folder, given.rows)
        speeds: dict[str, float] = {}
        print("| way | rows/s | peak memory |\n| --- | --- | --- |")
        for way, title in WAYS.items():
            runs = []
            for _ in range(3):
                subprocess.run(["rm", "-rf", str(folder / "shards")], check=True)
                runs.append(measured(way, folder))
            speeds[way], peak = max(runs)[0], max(peak for _, peak in runs)
            print(f"| {title} | {speeds[way]:,.0f} | {peak:,.0f} MB |", flush=True)
    print(f"\netl / decode: {speeds['etl'] / speeds['decode']:.2f}")
    print(f"etl / row-wise: {speeds['etl'] / speeds['rows']:.0f}")


if __name__ == "__main__":
    main()
