"""Which monitor chooses the better model: test CORR by val_loss and by val_corr.

Every market is another one of the same kind, small and with a weak signal. A model is
trained twice with the same seed, by each monitor with the recipe's own patience, and
scored on test eras, which chose nothing. Run it as:

    python benchmarks/monitors.py [--markets 6] [--seeds 2]

It prints the mean test CORR of each family and monitor, how long they trained, and the
mean difference of the pairs with its standard error.
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from numerai_pipeline.api import Project
from numerai_simulator import preset, running_simulator

MONITORS = ("val_loss", "val_corr")
# Cheap: seconds per training.
FAMILIES = {
    "mlp": {"units": [32], "training": {"batch_rows": 256}},
    "lightgbm": {"n_estimators": 600, "training": {"evaluate_every": 25}},
}
# A tenth of a small market's rows, and CORR as low as on real data.
MARKET = {"n_features": 120, "min_rows": 150, "max_rows": 250, "signal": 0.12}

Found = dict[tuple[str, str], list[tuple[float, int]]]


def measure(folder: Path, market: int, n_seeds: int, found: Found) -> None:
    """Train and score everything on one market.

    Args:
        folder: an empty one.
        market: its seed.
        n_seeds: trainings of each family and monitor.
        found: gets test CORR and best epoch of each, by family and monitor.
    """
    spec = preset("small", seed=market, **MARKET)
    with running_simulator(folder / "market", spec) as running:
        project = Project(folder / "workspace")
        project.init(simulation=running.url)
        project.download()
        project.etl(everything=True, split=0.25, split_test=0.25)
    for family, options in FAMILIES.items():
        project.new(family, **options)
        for seed in range(1, n_seeds + 1):
            for monitor in MONITORS:
                best = project.train(family, monitor=monitor, seed=seed).best.epoch
                evaluation = project.score(family, on="test")[family]
                if evaluation.on != "test":
                    raise RuntimeError("the shards have no test eras")
                corr = evaluation.rows[0].summary.mean
                found[family, monitor].append((corr, best))
                print(market, seed, family, monitor, f"{corr:.4f}", best, flush=True)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--markets", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    found: Found = defaultdict(list)
    for market in range(1, asked.markets + 1):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), market, asked.seeds, found)
    for family in FAMILIES:
        corr = {}
        for monitor in MONITORS:
            values = np.array(found[family, monitor])
            corr[monitor] = values[:, 0]
            print(
                f"{family} by {monitor}: test CORR {values[:, 0].mean():.4f}, best at "
                f"{values[:, 1].mean():.1f}"
            )
        difference = corr["val_corr"] - corr["val_loss"]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        print(f"{family}: val_corr - val_loss {difference.mean():+.4f} ± {error:.4f}")


if __name__ == "__main__":
    main()
