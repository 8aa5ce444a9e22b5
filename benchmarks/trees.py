"""Trees from shards, beside the usual recipe of each library.

The usual recipe reads Parquet with pandas and calls the library's scikit-learn class.
Every way is a process of its own on the same rows of the simulated market at full
width, 2,748 features, and grows five trees with the same parameters; importing is not
timed, but is in the memory. Run it as:

    python benchmarks/trees.py [--rows 300000] [--families lightgbm,xgboost,catboost]
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from measuring import ROWS_OF_ERA, Measured, measured, whole_splits, write_market

# How each family is trained: as usual, by us, and by us where the bins are there
# already, or where memory is short and the bins lie on disk.
WAYS_OF_FAMILY = {
    "lightgbm": ("usual", "ours", "from kept bins"),
    "xgboost": ("usual", "ours", "ours within 1 GB"),
    "catboost": ("usual", "ours"),
}
N_TREES = 5
# Eras that are looked at, not learned from.
N_HELD_OUT = 3
SEED = 1


def prepare(folder: Path) -> tuple[int, float]:
    """Make shards with the latest eras held out."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    n_eras = json.loads((folder / "eras.json").read_text())
    options = EtlOptions(
        sources=("train",), targets=("target",), split=N_HELD_OUT / n_eras, purge=0
    )
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.splits["train"].rows, time.perf_counter() - started


def ours(
    family: str, folder: Path, max_ram_bytes: int | None = None
) -> tuple[int, float]:
    """Train through the product's own door: a run folder with its model."""
    import matplotlib.figure  # noqa: F401 - so that it is not timed
    import numpy as np

    from numerai_pipeline.data import ShardReader, decode_features
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import TrainingJob, train
    from numerai_pipeline.training.trainer import load_engine

    load_engine(family)  # imports the library
    started = time.perf_counter()
    runs = folder / f"runs-{family}-{time.time_ns()}"
    job = TrainingJob(
        name=family,
        recipe=Recipe(
            family=family,
            seed=SEED,
            parameters={"n_estimators": N_TREES},
            training={"evaluate_every": N_TREES, "device": "cpu"},
        ),
        untrained=folder / family / "untrained.json",
        shards=folder / "shards",
        fold=whole_splits(folder / "shards"),
        runs=runs,
        started=datetime.now(UTC),
        max_ram_bytes=max_ram_bytes,
    )
    run = train(job)
    seconds = time.perf_counter() - started
    reader = ShardReader(folder / "shards")
    predictor = run.predictor()
    predictions = [
        predictor.predict(decode_features(block.x, run.missing))
        for block in reader.blocks("valid", targets=())
    ]
    np.save(folder / f"{family}-ours.npy", np.concatenate(predictions))
    return reader.n_rows("train"), seconds


def usual(family: str, folder: Path) -> tuple[int, float]:
    """Train as most people do: a data frame into the scikit-learn class."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    model = _usual_model(family)
    path = folder / "v5.3" / "train.parquet"
    features = [n for n in pq.read_schema(path).names if n.startswith("feature_")]
    n_eras = json.loads((folder / "eras.json").read_text())
    last = f"{n_eras - N_HELD_OUT:04d}"
    started = time.perf_counter()
    columns = [*features, "target"]
    frame = pd.read_parquet(path, columns=columns, filters=[("era", "<=", last)])
    model.fit(frame[features], frame["target"])
    seconds = time.perf_counter() - started
    held_out = pd.read_parquet(path, columns=features, filters=[("era", ">", last)])
    np.save(folder / f"{family}-usual.npy", model.predict(held_out))
    return len(frame), seconds


def _usual_model(family: str) -> object:
    """Return the library's class with the parameters of our defaults."""
    common = {"n_estimators": N_TREES, "learning_rate": 0.01, "max_depth": 5}
    if family == "lightgbm":
        import lightgbm

        return lightgbm.LGBMRegressor(
            **common,
            num_leaves=31,
            colsample_bytree=0.1,
            min_child_samples=20,
            deterministic=True,
            random_state=SEED,
            feature_fraction_seed=SEED,
            verbosity=-1,
        )
    if family == "xgboost":
        import xgboost

        return xgboost.XGBRegressor(
            **common, colsample_bytree=0.1, tree_method="hist", random_state=SEED
        )
    import catboost

    return catboost.CatBoostRegressor(
        **common, rsm=0.1, random_seed=SEED, verbose=0, allow_writing_files=False
    )


def difference(family: str, folder: Path) -> str:
    """Return the largest difference of the predictions, and their spread."""
    import numpy as np

    first, second = (
        np.load(folder / f"{family}-{way}.npy") for way in ("ours", "usual")
    )
    gap = float(np.abs(first - second.astype(np.float32)).max())
    corr = float(np.corrcoef(first, second)[0, 1])
    return f"{gap:.1e} (correlation {corr:.6f})"


def main() -> None:
    """Measure all ways, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--families", default=",".join(WAYS_OF_FAMILY))
    parser.add_argument("--way")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        name, _, family = given.way.partition(":")
        ways = {
            "usual": usual,
            "ours": ours,
            "from kept bins": ours,
            "ours within 1 GB": partial(ours, max_ram_bytes=10**9),
        }
        found = (
            prepare(given.folder)
            if name == "prepare"
            else ways[name](family, given.folder)
        )
        print(json.dumps({"rows": found[0], "seconds": found[1]}))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        n_rows = given.rows + N_HELD_OUT * ROWS_OF_ERA
        write_market(folder, n_rows)
        (folder / "eras.json").write_text(json.dumps(n_rows // ROWS_OF_ERA))
        measured(__file__, "prepare", folder)
        print("| way | s to tree 5 | peak memory | to usual: time, memory |")
        print("| --- | --- | --- | --- |", flush=True)
        for family in given.families.split(","):
            _compare(family, folder)


def _compare(family: str, folder: Path) -> None:
    peer: Measured | None = None
    for way in WAYS_OF_FAMILY[family]:
        found = measured(__file__, f"{way}:{family}", folder)
        peer = peer or found
        print(
            f"| {family}, {way} | {found.seconds:.1f} | {found.peak_mb:,.0f} MB | "
            f"{found.seconds / peer.seconds:.3f}, {found.peak_mb / peer.peak_mb:.3f} |",
            flush=True,
        )
    print(f"\n{family}: largest difference {difference(family, folder)}\n")


if __name__ == "__main__":
    sys.exit(main())
