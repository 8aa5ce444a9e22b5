"""A tiny release with a planted signal, its shards, and runs trained on them."""

import json
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from numerai_pipeline.core import SILENT, sha256_of
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards
from numerai_pipeline.evaluation import Scoring, evaluate, subject_of_run
from numerai_pipeline.models import Recipe
from numerai_pipeline.training import Run, TrainingJob, train

FEATURES = [f"feature_{name}" for name in "abcdefgh"]
SETS = {"all": FEATURES, "small": FEATURES[2:6][::-1]}
TARGETS = ["target", "target_ender_20", "target_victor_20"]
ROWS_PER_ERA = 100
LAST_TRAIN_ERA = 24
LAST_RESOLVED_ERA = 48
LAST_ERA = 50
# With a purge of 8: 1-16 train, 25-30 choose, 39-49 test.

PARAMETERS = {"n_estimators": 20, "learning_rate": 0.2, "colsample_bytree": 0.5}


def make_rows():
    """Return all eras: `target` follows three features, `target_victor_20` others.

    In the last two eras `target` is not resolved, in the last one none is.
    """
    random = np.random.default_rng(5)
    eras = np.repeat(np.arange(1, LAST_ERA + 1), ROWS_PER_ERA)
    codes = random.integers(0, 5, (len(eras), len(FEATURES)))
    frame = pd.DataFrame(codes, columns=FEATURES).astype("Int8")
    frame = frame.mask(random.random(frame.shape) < 0.02)
    frame.insert(0, "era", [f"{era:04d}" for era in eras])
    frame.insert(
        1, "data_type", np.where(eras <= LAST_TRAIN_ERA, "train", "validation")
    )
    for target, followed, last_era in (
        ("target", slice(3), LAST_RESOLVED_ERA),
        ("target_victor_20", slice(5, 8), LAST_RESOLVED_ERA + 1),
    ):
        signal = (codes[:, followed] - 2).sum(axis=1) + random.normal(0, 3, len(eras))
        values = np.digitize(signal, np.quantile(signal, [0.05, 0.25, 0.75, 0.95])) / 4
        is_missing = (eras > last_era) | (random.random(len(eras)) < 0.05)
        frame[target] = np.where(is_missing, np.nan, values).astype(np.float32)
    frame["target_ender_20"] = frame["target"]
    frame.index = pd.Index([f"n{row:015x}" for row in range(len(eras))], name="id")
    return frame


def write_references(folder, rows):
    """Write the meta model (from era 41, half of 42) and two benchmarks (from 5)."""
    random = np.random.default_rng(6)
    eras = rows["era"].astype(int)
    guess = rows["target"].fillna(0.5).to_numpy() + random.normal(0, 0.7, len(rows))
    meta_model = pd.DataFrame(
        {
            "era": rows["era"],
            "data_type": rows["data_type"],
            "numerai_meta_model": guess,
        }
    )
    known = (eras >= 41) & ((eras != 42) | (np.arange(len(rows)) % 2 == 0))
    # Files are joined by id, so the order of their rows does not matter.
    meta_model[known].sample(frac=1, random_state=1).to_parquet(
        folder / "meta_model.parquet"
    )
    benchmarks = pd.DataFrame(
        {
            "era": rows["era"],
            "v53_lgbm_ender20": guess + random.normal(0, 0.4, len(rows)),
            "v53_lgbm_victor60": random.normal(0, 1, len(rows)),
        }
    )
    is_train = eras <= LAST_TRAIN_ERA
    benchmarks[is_train & (eras >= 5)].to_parquet(
        folder / "train_benchmark_models.parquet"
    )
    benchmarks[~is_train].to_parquet(folder / "validation_benchmark_models.parquet")


def score_run(
    run,
    shards,
    *,
    meta_model=None,
    benchmarks=(),
    on="test",
    features=(),
    force=False,
    progress=SILENT,
):
    """Predict and score a run; ``features`` are those of FNC and exposure."""
    subject = subject_of_run(
        run, shards, on=on, force=force, benchmarks=benchmarks, progress=progress
    )
    against = Scoring(
        meta_model=meta_model,
        benchmarks=tuple(benchmarks),
        feature_set="some" if features else "",
        features=tuple(features),
    )
    [found] = evaluate([subject], shards, against, force=force, progress=progress)
    return found


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A release, its shards, the paths of its files; read only."""
    folder = tmp_path_factory.mktemp("world")
    data = folder / "v5.3"
    data.mkdir()
    rows = make_rows()
    is_train = rows["data_type"] == "train"
    rows[is_train].to_parquet(data / "train.parquet")
    rows[~is_train].to_parquet(data / "validation.parquet")
    (data / "features.json").write_text(
        json.dumps({"feature_sets": SETS, "targets": TARGETS})
    )
    write_references(data, rows)
    live = rows[rows["era"] == f"{LAST_ERA:04d}"].drop(columns=TARGETS)
    live.assign(era="X", data_type="live").to_parquet(data / "live.parquet")
    build_shards(data, folder / "shards", EtlOptions(purge=2))
    return SimpleNamespace(
        rows=rows,
        data=data,
        live=data / "live.parquet",
        shards=ShardReader(folder / "shards"),
        references={
            "meta_model": data / "meta_model.parquet",
            "benchmarks": [
                data / "train_benchmark_models.parquet",
                data / "validation_benchmark_models.parquet",
            ],
        },
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory, world):
    """Run folders by name; tests work on copies."""
    folder = tmp_path_factory.mktemp("models")

    def train_one(name, features=None, **recipe):
        model = folder / name
        recipe = Recipe(
            family="lightgbm",
            parameters=PARAMETERS,
            training={"evaluate_every": 10},
            **recipe,
        )
        job = TrainingJob(
            name=name,
            recipe=recipe,
            fold=world.shards.default_fold((recipe.target,)),
            untrained=model / "untrained.json",
            shards=world.shards.folder,
            runs=model / "runs",
            started=datetime(2026, 11, 24, 12, tzinfo=UTC),
            features=features and tuple(features),
        )
        return train(job).folder

    return {
        "trees": train_one("trees"),
        "few": train_one("few", SETS["small"], feature_set="small", missing=1.0),
        "victor": train_one("victor", target="target_victor_20"),
    }


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory, trained, world):
    """The evaluation of one run with all references; read only."""
    folder = tmp_path_factory.mktemp("evaluated") / trained["trees"].name
    shutil.copytree(trained["trees"], folder)
    return score_run(Run.open(folder), world.shards, **world.references)


@pytest.fixture
def copied(tmp_path, trained):
    """A function that returns a run, alone in the world, for this test only."""

    def copy(name="trees"):
        folder = tmp_path / "runs" / name / trained[name].name
        shutil.copytree(trained[name], folder)
        return Run.open(folder)

    return copy


@pytest.fixture
def with_leaves():
    """A function that gives all leaves of a run's trees another value."""

    def change(run, value):
        best = run.best().path
        lines = best.read_text().splitlines()
        # LightGBM finds the trees by these sizes, if they are there.
        lines = [line for line in lines if not line.startswith("tree_sizes=")]
        for place, line in enumerate(lines):
            if line.startswith("leaf_value="):
                n_leaves = len(line.split())
                lines[place] = "leaf_value=" + " ".join([value] * n_leaves)
        best.write_text("\n".join(lines) + "\n")
        done = json.loads((run.folder / "DONE").read_text())
        done["sha256"][f"checkpoints/{best.name}"] = sha256_of(best)
        (run.folder / "DONE").write_text(json.dumps(done))
        return run

    return change


@pytest.fixture
def retrained():
    """A function that trains a run's recipe again, on other shards."""

    def train_again(run, shards, *, allow_leak=False):
        job = TrainingJob(
            name=run.name,
            recipe=run.recipe,
            fold=ShardReader(shards).default_fold((run.target,), allow_leak=allow_leak),
            untrained=run.folder / "no-untrained-model.json",
            shards=shards,
            runs=run.folder.parent,
            started=datetime(2026, 11, 24, 13, tzinfo=UTC),
        )
        return train(job)

    return train_again
