"""The same networks, fed by our reader, by the row-wise way, and from memory.

A network of one layer of 32 units, for which reading is most of the work, and the MLP
of the preset `funnel`, for which learning is. Every way is a process of its own on the
simulated market at full width, 2,748 features; the same loop hands the network one
batch after the other, and its second epoch is timed. A last way is `nai train` itself.
Run it as:

    python benchmarks/networks.py [--rows 100000]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from measuring import ROWS_OF_ERA, Measured, measured, whole_splits, write_market
from readers import MISSING, loaded, row_wise_batches, write_rows

NETWORKS = {
    "32 units": {"units": [32], "dropout": 0.0},
    "the funnel MLP": {},
}
PRESETS = {"the funnel MLP": "funnel"}
BATCH_ROWS = 1_024
# Eras that are looked at, not learned from.
N_HELD_OUT = 1
REPEATS = 3

Timed = tuple[int, float]
Epoch = Callable[[int], Iterable[tuple[Any, Any]]]


def build(folder: Path) -> Timed:
    """Make the shards, the last era held out."""
    from numerai_pipeline.data import EtlOptions, build_shards

    started = time.perf_counter()
    n_eras = json.loads((folder / "eras.json").read_text())
    options = EtlOptions(sources=("train",), split=N_HELD_OUT / n_eras, purge=0)
    manifest = build_shards(folder / "v5.3", folder / "shards", options)
    return manifest.n_rows, time.perf_counter() - started


def row_wise(folder: Path) -> Epoch:
    """Feed it row by row, as the scripts did that this replaces."""
    return lambda number: row_wise_batches(folder, number, BATCH_ROWS)


def our_reader(folder: Path) -> Epoch:
    """Feed it packed rows, gathered and decoded ahead."""
    rows = loaded(folder)
    return lambda number: rows.dataset(
        batch_rows=BATCH_ROWS, missing=MISSING, shuffle_seed=1, epoch=number
    )


def memory(folder: Path) -> Epoch:
    """Feed it float32 batches that lie in memory: no reader can be faster."""
    batches = list(our_reader(folder)(0))
    return lambda _number: batches


FEEDS = {"row by row": row_wise, "our reader": our_reader, "from memory": memory}


def fed(feed: Callable[[Path], Epoch], network: str, folder: Path) -> Timed:
    """Train two epochs and time the second one."""
    from numerai_pipeline.models import load_keras, load_network

    keras = load_keras()
    model = load_network(folder / network / "untrained.keras")
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1e-2, global_clipnorm=1.0)
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    epoch = feed(folder)
    n_rows, started = 0, 0.0
    for number in range(2):
        n_rows, started = 0, time.perf_counter()
        for x, y in epoch(number):
            model.train_on_batch(x, y)
            n_rows += len(y)
    return n_rows, time.perf_counter() - started


def nai_train(network: str, folder: Path) -> Timed:
    """Train two epochs by the product's own door; its history knows the speed."""
    from numerai_pipeline.models import load_recipe
    from numerai_pipeline.training import TrainingJob, train

    recipe = load_recipe(folder / network / "model.toml")
    training = {**recipe.training, "epochs": 2, "batch_rows": BATCH_ROWS}
    run = train(
        TrainingJob(
            name="mlp",
            recipe=recipe.model_copy(update={"training": training}),
            untrained=folder / network / "untrained.keras",
            shards=folder / "shards",
            fold=whole_splits(folder / "shards"),
            runs=folder / network / f"runs-{time.time_ns()}",
            started=datetime.now(UTC),
        )
    )
    second = run.history()[-1]
    print(f"waiting for data: {second.waiting:.1%}")
    n_rows = 100_000
    return n_rows, n_rows / second.rows_per_second


def new_networks(folder: Path, n_features: int) -> None:
    """Write the untrained networks."""
    from numerai_pipeline.models import family, new_model

    for network, overrides in NETWORKS.items():
        new_model(
            folder / network,
            family("mlp"),
            feature_set="all",
            n_features=n_features,
            target="target",
            preset=PRESETS.get(network),
            overrides=overrides,
        )


def one_way(way: str, folder: Path) -> Timed:
    """Run what a way is named by."""
    kind, _, network = way.partition(": ")
    if kind == "etl":
        return build(folder)
    if kind == "rows":
        return write_rows(folder)
    if kind == "networks":
        from numerai_pipeline.data import ShardReader

        new_networks(folder, len(ShardReader(folder / "shards").manifest.features))
        return 0, 1.0
    if kind == "nai train":
        return nai_train(network, folder)
    return fed(FEEDS[kind], network, folder)


def compare(folder: Path) -> None:
    """Measure all ways of all networks and print what they make of each other."""
    print("| network | fed | rows/s | epoch, to ours | peak memory |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    kinds = ["our reader", "from memory", "row by row", "nai train"]
    for network in NETWORKS:
        found: dict[str, list[Measured]] = {kind: [] for kind in kinds}
        for _ in range(REPEATS):  # in turn: a busy moment of the machine hits them all
            for kind in kinds:
                found[kind].append(measured(__file__, f"{kind}: {network}", folder))
        # The best, because another job can only slow a run down.
        best = {
            kind: max(runs, key=lambda run: run.rows_per_second)
            for kind, runs in found.items()
        }
        for kind, run in best.items():
            ratio = best["our reader"].rows_per_second / run.rows_per_second
            print(
                f"| {network} | {kind} | {run.rows_per_second:,.0f} | {ratio:.2f} | "
                f"{run.peak_mb:,.0f} MB |",
                flush=True,
            )


def main() -> None:
    """Measure all ways on the same rows, or run one of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--way")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way:
        n_rows, seconds = one_way(given.way, given.folder)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_rows = given.rows + N_HELD_OUT * ROWS_OF_ERA
        write_market(folder, n_rows)
        (folder / "eras.json").write_text(json.dumps(n_rows // ROWS_OF_ERA))
        for preparation in ("etl", "rows", "networks"):
            measured(__file__, preparation, folder)
        compare(folder)


if __name__ == "__main__":
    main()
