"""The whole of ``nai score`` once at full size: time and peak memory.

Three models on 620 eras of 5,000 rows with 2,748 features each, beside a meta model
and the benchmarks of the simulated market: CORR, MMC, BMC, FNC(medium), exposure,
CWMM, payout and similarity with their intervals. The models are predictions in files,
as those of backtests are, since it is not the models that are measured. Each set of
scores is a process of its own; 45 GB of disk are needed for a while. Run it as:

    python benchmarks/score.py [--folder DIR] [--eras N]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from measuring import measured, write_market

ROWS_OF_ERA = 5_000
N_MODELS = 3
WAYS = ("none", "medium")


def write_models(folder: Path) -> None:
    """Write the predictions of models that follow the target a little."""
    import numpy as np

    from numerai_pipeline.data import ShardReader
    from numerai_pipeline.evaluation import OutOfSample, write_out_of_sample

    shards = ShardReader(folder / "shards")
    eras = shards.eras("valid")
    rows = shards.read("valid", features=(), targets=("target",))
    for number in range(1, N_MODELS + 1):
        noise = np.random.default_rng(number).normal(0, 1, len(rows.ids))
        values = 0.02 * (np.nan_to_num(rows.y[:, 0], nan=0.5) - 0.5) / 0.22 + noise
        found = OutOfSample(rows.ids, rows.eras, values.astype(np.float32), {})
        home = folder / f"model{number}"
        home.mkdir(exist_ok=True)
        write_out_of_sample(found, home / "predictions.parquet")
    print(f"{len(rows.ids):,} rows of {len(eras)} eras")


def score(folder: Path, feature_set: str) -> tuple[int, float]:
    """Score the models; the features are those of a set, or none."""
    from numerai_pipeline.core import stopwatch
    from numerai_pipeline.data import FeatureCatalog, Fold, ShardReader
    from numerai_pipeline.evaluation import Scoring, Subject, evaluate

    started = stopwatch()
    shards = ShardReader(folder / "shards")
    fold = Fold(shards.eras("train"), (), shards.eras("valid"))
    subjects = [
        Subject(folder / f"model{n}", f"model{n}", "backtest", (fold,), ("target",))
        for n in range(1, N_MODELS + 1)
    ]
    catalog = FeatureCatalog.load(folder / "v5.3" / "features.json")
    is_wanted = feature_set != "none"
    against = Scoring(
        meta_model=next(folder.glob("*/meta_model.parquet")),
        benchmarks=(folder / "v5.3" / "validation_benchmark_models.parquet",),
        feature_set=feature_set if is_wanted else "",
        features=catalog.columns(feature_set) if is_wanted else (),
    )
    found = evaluate(subjects, shards, against, force=True)
    return sum(one.n_rows for one in found), stopwatch() - started


def main() -> None:
    """Make the data, then measure each set of scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--eras", type=int, default=620)
    parser.add_argument("--way")
    options = parser.parse_args()
    if options.way:
        n_rows, seconds = score(options.folder, options.way)
        print(json.dumps({"rows": n_rows, "seconds": seconds}))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "shards").is_dir():
            make_data(folder, options.eras)
        write_models(folder)
        for way in WAYS:
            found = measured(__file__, way, folder)
            print(
                f"{N_MODELS} models, FNC {way}: {found.seconds:,.1f} s, "
                f"{options.eras / found.seconds:,.1f} eras/s, "
                f"peak {found.peak_mb:,.0f} MB"
            )
            sys.stdout.flush()


def make_data(folder: Path, n_eras: int) -> None:
    """Write the market, of which all but two eras are validation, and pack it."""
    from numerai_pipeline.data import EtlOptions, build_shards

    write_market(folder, 2 * ROWS_OF_ERA, ROWS_OF_ERA, n_validation_eras=n_eras)
    build_shards(folder / "v5.3", folder / "shards", EtlOptions(purge=0))


if __name__ == "__main__":
    main()
