"""Ridge regression from shards, beside pandas and scikit-learn.

The usual recipe reads Parquet with pandas and calls scikit-learn's `Ridge`, once per
penalty. Every way is a process of its own on the same rows of the simulated market at
full width, 2,748 features. `nai` is a whole training: all penalties, the scores of
60,000 validation rows, the plot. Importing is not timed, but is in the memory. The
usual recipe takes 15 GB for 300,000 rows. Run it as:

    python benchmarks/ridge.py [--rows 300000] [--folder DIR]
    python benchmarks/ridge.py --rows 2750000 --ways nai --folder DIR
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
from typing import Any

from measuring import ROWS_OF_ERA, measured, whole_splits, write_market

# Eras that choose the penalty, not learned from.
N_VALIDATION_ERAS = 12

Timed = tuple[int, float]


def prepare(folder: Path) -> Timed:
    """Make shards with the latest eras for validation."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    n_eras = json.loads((folder / "eras.json").read_text())
    options = EtlOptions(
        sources=("train",),
        targets=("target",),
        split=N_VALIDATION_ERAS / n_eras,
        purge=0,
    )
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.splits["train"].rows, time.perf_counter() - started


def nai(folder: Path) -> Timed:
    """Train through the product's own door: a run folder with its model."""
    import matplotlib.figure  # noqa: F401 - so that it is not timed

    from numerai_pipeline.data import ShardReader
    from numerai_pipeline.models import Recipe
    from numerai_pipeline.training import TrainingJob, train
    from numerai_pipeline.training.trainer import load_engine

    load_engine("ridge")
    started = time.perf_counter()
    run = train(
        TrainingJob(
            name="ridge",
            recipe=Recipe(family="ridge"),
            untrained=folder / "ridge" / "untrained.json",
            shards=folder / "shards",
            fold=whole_splits(folder / "shards"),
            runs=folder / "runs",
            started=datetime.now(UTC),
        )
    )
    seconds = time.perf_counter() - started
    (folder / "model.json").write_bytes(run.best().path.read_bytes())
    losses = [(row.penalty, row.val_loss) for row in run.history()]
    (folder / "losses.json").write_text(json.dumps(losses))
    return ShardReader(folder / "shards").n_rows("train"), seconds


def usual(folder: Path, *, n_penalties: int | None = None) -> Timed:
    """Train as most people do: a data frame into the scikit-learn class."""
    import numpy as np
    from sklearn.linear_model import Ridge

    best = json.loads((folder / "model.json").read_text())["penalty"]
    losses = json.loads((folder / "losses.json").read_text())
    penalties = [penalty for penalty, _ in losses] if n_penalties is None else [best]
    started = time.perf_counter()
    features, frame = _frame(folder, "<=")
    x, y = frame[features], frame["target"]
    models = [Ridge(alpha=penalty).fit(x, y) for penalty in penalties]
    seconds = time.perf_counter() - started
    chosen = models[penalties.index(best)]
    _, others = _frame(folder, ">")
    found = [
        float(np.mean((model.predict(others[features]) - others["target"]) ** 2))
        for model in models
    ]
    known = dict(map(tuple, losses))
    gap = max(
        abs(loss - known[penalty])
        for penalty, loss in zip(penalties, found, strict=True)
    )
    print(f"{_difference(folder, chosen)}, of val_loss {gap:.1e}", file=sys.stderr)
    return len(frame), seconds


def _frame(folder: Path, side: str) -> tuple[list[str], Any]:
    """Read the eras up to the last one of training, or those after it."""
    import pandas as pd
    import pyarrow.parquet as pq

    path = folder / "v5.3" / "train.parquet"
    features = [n for n in pq.read_schema(path).names if n.startswith("feature_")]
    last = json.loads((folder / "eras.json").read_text()) - N_VALIDATION_ERAS
    era = [("era", side, f"{last:04d}")]
    return features, pd.read_parquet(path, columns=[*features, "target"], filters=era)


def _difference(folder: Path, peer: Any) -> str:
    """Return the largest differences of coefficients and intercept."""
    import numpy as np

    model = json.loads((folder / "model.json").read_text())
    own = model["targets"]["target"]
    scale = np.abs(peer.coef_).max()
    gap = np.abs(np.array(own["coefficients"]) - peer.coef_).max() / scale
    of_intercept = abs(own["intercept"] - peer.intercept_)
    return (
        f"largest difference of the coefficients at penalty {model['penalty']:g}, "
        f"to the largest one: {gap:.1e}, of the intercept {of_intercept:.1e}"
    )


WAYS: dict[str, Callable[[Path], Timed]] = {
    "nai": nai,
    "usual": partial(usual, n_penalties=1),
    "usual-all": usual,
}
ABOUT = {
    "nai": "`nai`, all penalties, with validation",
    "usual": "pandas and scikit-learn, one penalty",
    "usual-all": "pandas and scikit-learn, all penalties",
}


def compare(folder: Path, names: list[str]) -> None:
    """Measure some ways and print what they make of each other."""
    found = {name: measured(__file__, name, folder) for name in names}
    first = found[names[0]]
    print("| way | rows | s | to nai | peak memory |")
    print("| --- | --- | --- | --- | --- |")
    for name, one in found.items():
        print(
            f"| {ABOUT[name]} | {one.rows:,} | {one.seconds:.1f} | "
            f"{one.seconds / first.seconds:.1f} | {one.peak_mb:,.0f} MB |",
            flush=True,
        )


def main() -> None:
    """Measure all ways on the same rows, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--folder", type=Path, help="where the disk has room")
    parser.add_argument("--way", choices=[*WAYS, "prepare"])
    given = parser.parse_args()
    if given.way:
        way = prepare if given.way == "prepare" else WAYS[given.way]
        n_rows, seconds = way(given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        n_rows = given.rows + N_VALIDATION_ERAS * ROWS_OF_ERA
        write_market(folder, n_rows)
        (folder / "eras.json").write_text(json.dumps(n_rows // ROWS_OF_ERA))
        measured(__file__, "prepare", folder)
        compare(folder, given.ways.split(","))


if __name__ == "__main__":
    main()
