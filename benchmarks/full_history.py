"""All of it once at the size of v5.3's training file: 574 eras, 2.75 million rows.

The simulated market writes the file, the ETL packs it, every checksum is compared, and
LightGBM bins the shards and grows trees from the bins that it keeps. Each step is a
process of its own; 45 GB of disk are needed for a while. Run it as:

    python benchmarks/full_history.py [--folder DIR]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from etl import record_download
from measuring import measured, whole_splits, write_market

N_ERAS = 574
ROWS_OF_ERA = 4_792
# Eras that are looked at, not learned from.
N_HELD_OUT = 3
N_TREES = 20

Timed = tuple[int, float]


def etl(folder: Path) -> Timed:
    """Pack all rows, the last eras held out."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    share = N_HELD_OUT / (N_ERAS + N_HELD_OUT)
    options = EtlOptions(sources=("train",), split=share, purge=0)
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.n_rows, time.perf_counter() - started


def verify(folder: Path) -> Timed:
    """Compare every checksum, as ``nai inspect --verify`` does."""
    from numerai_pipeline.data import inspect_path

    started = time.perf_counter()
    found = inspect_path(folder / "shards", verify=True)
    return found["rows"], time.perf_counter() - started


def grow(folder: Path, *, n_trees: int) -> Timed:
    """Train a LightGBM; the first training bins the rows, others find them binned."""
    import matplotlib.figure  # noqa: F401 - so that it is not timed

    from numerai_pipeline.data import ShardReader
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import TrainingJob, train
    from numerai_pipeline.training.trainer import load_engine

    load_engine("lightgbm")  # imports the library
    started = time.perf_counter()
    job = TrainingJob(
        name="lightgbm",
        recipe=Recipe(
            family="lightgbm",
            parameters={"n_estimators": n_trees},
            training={"evaluate_every": n_trees, "device": "cpu"},
        ),
        untrained=folder / "lightgbm" / "untrained.json",
        shards=folder / "shards",
        fold=whole_splits(folder / "shards"),
        runs=folder / "runs",
        started=datetime.now(UTC),
    )
    train(job)
    seconds = time.perf_counter() - started
    return ShardReader(folder / "shards").n_rows("train"), seconds


WAYS: dict[str, Callable[[Path], Timed]] = {
    "etl": etl,
    "inspect --verify": verify,
    "bin for LightGBM, and a tree": partial(grow, n_trees=1),
    f"{N_TREES} trees from the kept bins": partial(grow, n_trees=N_TREES),
}


def size_gb(folder: Path) -> float:
    """Return what the files of a folder take."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e9


def run_all(folder: Path) -> None:
    """Run every step and print what it took."""
    started = time.perf_counter()
    write_market(folder, (N_ERAS + N_HELD_OUT) * ROWS_OF_ERA, ROWS_OF_ERA)
    record_download(folder)
    seconds = time.perf_counter() - started
    print(f"the market's v5.3: {seconds:.0f} s, {size_gb(folder / 'v5.3'):.1f} GB\n")
    print("| step | rows | s | peak memory | of which its own |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for way in WAYS:
        found = measured(__file__, way, folder)
        print(
            f"| {way} | {found.rows:,} | {found.seconds:.0f} | {found.peak_mb:,.0f} MB "
            f"| {found.anonymous_mb:,.0f} MB |",
            flush=True,
        )
    print(f"\nshards {size_gb(folder / 'shards'):.2f} GB")
    print(f"LightGBM's bins {size_gb(folder / 'shards.bins'):.2f} GB")


def main() -> None:
    """Run every step, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the disk has room")
    parser.add_argument("--way", choices=WAYS)
    given = parser.parse_args()
    if given.way:
        n_rows, seconds = WAYS[given.way](given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        run_all(Path(name))


if __name__ == "__main__":
    sys.exit(main())
