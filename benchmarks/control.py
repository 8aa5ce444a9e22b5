"""What `hello` learns on the simulated market, beside the same with shuffled targets.

LightGBM's preset `hello` at full width, trained on the market as it is and on targets
that were shuffled within each era, so that nothing can be learned. All are scored on
the same later eras, which no training has looked at. What a model without knowledge
scores is not zero but some number near it, the same in all eras since the market's
laws stay, so there are several shuffles. Run it as:

    python benchmarks/control.py [--eras 40] [--trees 2000] [--shuffles 5]
"""

import argparse
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import whole_splits

from numerai_pipeline.core import write_json
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards, decode_features
from numerai_pipeline.models import family, new_model
from numerai_pipeline.scoring import corr_per_era
from numerai_pipeline.training import TrainingJob, train
from numerai_simulator import Market, preset

TRUE = "v5.3"
N_VALIDATION_ERAS = 72
OPTIONS = EtlOptions(targets=("target",), split_test=0.75)


def write_market(folder: Path, n_eras: int) -> None:
    """Write the market as it is."""
    market = Market(
        preset("full", n_train_eras=n_eras, n_validation_eras=N_VALIDATION_ERAS)
    )
    market.write(folder, ("v5.3",))
    write_json(folder / TRUE / "features.json", market.catalog("v5.3"))


def write_shuffled(true: Path, shuffled: Path, seed: int) -> None:
    """Write the same with shuffled targets."""
    source = np.random.default_rng(seed)
    shuffled.mkdir()
    shutil.copyfile(true / "features.json", shuffled / "features.json")
    for name in ("train.parquet", "validation.parquet"):
        with (
            pq.ParquetFile(true / name) as old,
            pq.ParquetWriter(shuffled / name, old.schema_arrow) as new,
        ):
            for group in range(old.num_row_groups):
                table = old.read_row_group(group)
                place = table.schema.get_field_index("target")
                target = shuffle_within(
                    table["target"].to_numpy(), table["era"].to_numpy(), source
                )
                field = table.schema.field("target")
                column = pa.array(target, field.type, from_pandas=True)
                new.write_table(table.set_column(place, field, column))


def shuffle_within(
    values: np.ndarray, eras: np.ndarray, source: np.random.Generator
) -> np.ndarray:
    """Return values in another order, each within its era."""
    shuffled = values.copy()
    for era in np.unique(eras):
        rows = np.flatnonzero(eras == era)
        shuffled[rows] = values[source.permutation(rows)]
    return shuffled


def trained(folder: Path, n_trees: int) -> tuple[object, float]:
    """Make shards of a folder of data, train, and return the run and the seconds."""
    shards = folder.with_name(f"{folder.name}-shards")
    manifest = build_shards(folder, shards, OPTIONS)
    model = folder.with_name(f"{folder.name}-model")
    checked = new_model(
        model,
        family("lightgbm"),
        feature_set="all",
        n_features=len(manifest.features),
        target="target",
        preset="hello",
        # All trees: the first look can be the best by chance on a few held-out eras.
        overrides={
            "n_estimators": n_trees,
            "training.monitor": "val_corr",
            "training.patience": n_trees,
        },
    )
    job = TrainingJob(
        name=folder.name,
        recipe=checked.recipe,
        untrained=model / family("lightgbm").untrained_file,
        shards=shards,
        fold=whole_splits(shards),
        runs=model / "runs",
        started=datetime.now(UTC),
    )
    started = time.perf_counter()
    return train(job), time.perf_counter() - started


def main() -> None:
    """Train all and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eras", type=int, default=40)
    parser.add_argument("--trees", type=int, default=2_000)
    parser.add_argument("--shuffles", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_market(folder, given.eras)
        print("| targets | trees | s | eras | CORR | std | Sharpe |")
        print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
        score(folder, TRUE, given.trees)
        for seed in range(1, given.shuffles + 1):
            kind = f"shuffled, {seed}"
            write_shuffled(folder / TRUE, folder / kind, seed)
            score(folder, kind, given.trees)
            shutil.rmtree(folder / kind)


def score(folder: Path, kind: str, n_trees: int) -> None:
    """Train on one kind of targets and print the scores on the true ones."""
    run, seconds = trained(folder / kind, n_trees)
    reader = ShardReader(folder / f"{TRUE}-shards")
    predictor = run.predictor()
    rows = list(reader.blocks("test", targets=["target"]))
    predictions = [
        predictor.predict(decode_features(block.x, run.missing)) for block in rows
    ]
    found = corr_per_era(
        np.concatenate(predictions),
        np.concatenate([block.y[:, 0] for block in rows]),
        np.concatenate([block.eras for block in rows]),
    ).summary()
    print(
        f"| {kind} | {run.history()[-1].epoch} | {seconds:.0f} | {found.n_eras} | "
        f"{found.mean:.4f} | {found.std:.4f} | {found.sharpe:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
