"""A backtest of shuffled targets: its CORR interval has to cover zero.

The same market twice, once with the targets of each era permuted among its rows, once
as it is. LightGBM ``hello`` is backtested on both and scored with its interval; with
true targets the interval has to lie above zero. Run it as:

    python benchmarks/shuffled.py [--size small|full] [--seeds 3]

``small`` is the demo's market, ``full`` has 2,748 features and about 100,000 rows.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from numerai_pipeline import Project
from numerai_pipeline.core import Settings, commented_toml, write_json, write_text
from numerai_simulator import Market, preset

# Enough for an interval: 32 eras of a 20-day target, and as many to learn from.
FULL = {"n_train_eras": 40, "n_validation_eras": 60, "min_rows": 950, "max_rows": 1_050}


def main() -> None:
    """Backtest true and shuffled targets, and print CORR with its interval."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_market(home / "true", options.size)
        report("true targets", home / "true")
        for seed in range(1, options.seeds + 1):
            folder = home / f"shuffled{seed}"
            shuffle(home / "true", folder, seed)
            report(f"shuffled targets, seed {seed}", folder)


def write_market(folder: Path, size: str) -> None:
    """Write a workspace with the market's files."""
    spec = preset("full", **FULL) if size == "full" else preset("small")
    market = Market(spec)
    market.write(folder / "data", ("v5.3",))
    write_json(folder / "data" / "v5.3" / "features.json", market.catalog("v5.3"))
    write_text(folder / "numerai.toml", commented_toml(Settings()))


def shuffle(source: Path, folder: Path, seed: int) -> None:
    """Copy a workspace's data with all targets permuted within each era."""
    data = folder / "data" / "v5.3"
    data.mkdir(parents=True)
    write_text(folder / "numerai.toml", commented_toml(Settings()))
    (data / "features.json").write_bytes(
        (source / "data" / "v5.3" / "features.json").read_bytes()
    )
    random = np.random.default_rng(seed)
    for name in ("train.parquet", "validation.parquet"):
        table = pq.read_table(source / "data" / "v5.3" / name)
        eras = np.array(table["era"].to_pylist())
        order = np.arange(len(eras))
        for era in np.unique(eras):
            rows = np.flatnonzero(eras == era)
            order[rows] = random.permutation(rows)
        for place, column in enumerate(table.column_names):
            if column.startswith("target"):
                shuffled = table[column].take(pa.array(order))
                table = table.set_column(place, column, shuffled)
        pq.write_table(table, data / name)


def report(title: str, folder: Path) -> None:
    """Backtest ``hello`` and print its CORR."""
    project = Project(folder)
    project.etl()
    project.new("lightgbm", preset="hello", n_estimators=300)
    project.backtest("lightgbm")
    scored = project.score("lightgbm", on="backtest", fnc="none")["lightgbm"]
    found = scored.rows[0].summary
    print(
        f"{title}: CORR {found.mean:+.4f}, 95 % interval {found.low:+.4f} to "
        f"{found.high:+.4f}, {found.n_eras} eras",
        flush=True,
    )


if __name__ == "__main__":
    main()
