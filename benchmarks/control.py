"""What `hello` learns on the simulated market, beside the same with shuffled targets.

Two trainings of LightGBM's preset `hello` at full width: one on the market as it is,
one on targets that were shuffled within each era, so that nothing can be learned. Both
are scored on the same later eras, which neither training has looked at. Run it as:

    python benchmarks/control.py [--eras 30] [--trees 2000]
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

from numerai_pipeline.core import write_json
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards, decode_features
from numerai_pipeline.models import family, new_model
from numerai_pipeline.scoring import corr_per_era
from numerai_pipeline.simulator import Market, preset
from numerai_pipeline.training import TrainingJob, train

N_VALIDATION_ERAS = 72
OPTIONS = EtlOptions(targets=("target",), split_test=0.75)


def write_data(folder: Path, n_eras: int) -> None:
    """Write the market, and beside it the same with shuffled targets."""
    market = Market(
        preset("full", n_train_eras=n_eras, n_validation_eras=N_VALIDATION_ERAS)
    )
    market.write(folder, ("v5.3",))
    true, shuffled = folder / "v5.3", folder / "shuffled"
    write_json(true / "features.json", market.catalog("v5.3"))
    shutil.copytree(true, shuffled)
    source = np.random.default_rng(1)
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
        "lightgbm",
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
        runs=model / "runs",
        started=datetime.now(UTC),
    )
    started = time.perf_counter()
    return train(job), time.perf_counter() - started


def main() -> None:
    """Train both and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eras", type=int, default=30)
    parser.add_argument("--trees", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, given.eras)
        print("| targets | trees | s | eras | CORR | std | Sharpe | standard errors |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        for kind in ("v5.3", "shuffled"):
            run, seconds = trained(folder / kind, given.trees)
            reader = ShardReader(folder / "v5.3-shards")  # the true targets
            predictor = run.predictor()
            rows = list(reader.blocks("test", targets=["target"]))
            scores = corr_per_era(
                np.concatenate(
                    [predictor.predict(decode_features(b.x, run.missing)) for b in rows]
                ),
                np.concatenate([block.y[:, 0] for block in rows]),
                np.concatenate([block.eras for block in rows]),
            )
            found = scores.summary()
            errors = found.mean / found.std * found.n_eras**0.5
            print(
                f"| {kind} | {run.best().epoch} | {seconds:.0f} | {found.n_eras} | "
                f"{found.mean:.4f} | {found.std:.4f} | {found.sharpe:.2f} | "
                f"{errors:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
