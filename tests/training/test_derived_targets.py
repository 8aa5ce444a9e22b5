"""Runs that learn derived targets: found again, resumed and scored as others are."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from small_world import PARAMETERS, score_run

from numerai_pipeline.core import ConfigError, DataError, parse_target
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.models import Recipe
from numerai_pipeline.training import TrainingJob, make_plan, train

MEAN = "mean of target, target_victor_20"
TO_SMALL = f"{MEAN} neutral to features small at 0.5"
TO_BENCHMARK = "target neutral to benchmark v53_lgbm_ender20"


@pytest.fixture
def job_of(world, tmp_path):
    """A function that returns a job which learns targets of the world."""

    def make(target, *others, family="lightgbm", parameters=PARAMETERS, **training):
        recipe = Recipe(
            family=family,
            target=target,
            parameters={**parameters, "also_targets": others},
            training=training or {"evaluate_every": 10},
        )
        return TrainingJob(
            name="mine",
            recipe=recipe,
            fold=world.shards.default_fold((recipe.target,)),
            untrained=tmp_path / "no-untrained-model",
            shards=world.shards.folder,
            runs=tmp_path / "models" / "mine" / "runs",
            started=datetime(2026, 11, 24, 12, tzinfo=UTC),
            data=world.data,
        )

    return make


def predictions(run, world):
    codes = world.shards.read("valid").x
    return run.predictor().predict(decode_features(codes, run.missing))


@pytest.mark.slow
def test_the_mean_of_equal_targets_makes_the_same_trees(job_of, world):
    one = train(job_of("target"))
    other = train(job_of("mean of  target,target_ender_20"))
    assert other.target == "mean of target, target_ender_20"
    assert one.folder != other.folder
    np.testing.assert_array_equal(*(predictions(run, world) for run in (one, other)))


def test_a_neutralized_target_is_learned_and_scored(job_of, world):
    run = train(job_of(TO_SMALL, TO_BENCHMARK))
    assert run.targets == (TO_SMALL, TO_BENCHMARK)
    name = parse_target(TO_BENCHMARK).folder_name
    assert (run.folder / f"history-{name}.csv").is_file()
    assert (run.folder / "checkpoints" / name / "best.txt").is_file()
    assert set(run.best_epochs()) == {"", name}
    shards = ShardReader(world.shards.folder, data=world.data)
    rows = {row.of: row for row in score_run(run, shards).rows}
    assert rows[TO_SMALL].summary.mean > 0.05
    # The same run is found, from another spelling of the text.
    again = job_of(f" {TO_SMALL}  ".replace(" ", "  "), TO_BENCHMARK)
    assert train(again).folder == run.folder


def test_a_run_depends_on_what_its_target_is_neutral_to(job_of, world, tmp_path):
    data = tmp_path / "v5.3"
    shutil.copytree(world.data, data)

    def fingerprints():
        jobs = (job_of("target"), job_of(TO_SMALL), job_of(TO_BENCHMARK))
        return [make_plan(replace(job, data=data)).fingerprint for job in jobs]

    before = fingerprints()
    path = data / "validation_benchmark_models.parquet"
    pd.read_parquet(path).iloc[::-1].to_parquet(path)
    after = fingerprints()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False]
    features = data / "features.json"
    features.write_text(features.read_text().replace('["feature_f", ', "["))
    last = fingerprints()
    assert last[0] == before[0]
    assert last[1] != before[1]


def test_what_a_run_lacks_is_named_before_it_begins(job_of, tmp_path):
    for text, error, why in (
        ("mean of target, target_x_60", DataError, "--targets target,target_x_60`"),
        ("target neutral to features smal", ConfigError, "Did you mean 'small'"),
    ):
        with pytest.raises(error, match=why):
            make_plan(job_of(text))
    with pytest.raises(DataError, match="Run `nai download --benchmarks`"):
        make_plan(replace(job_of(TO_BENCHMARK), data=tmp_path))


def test_classes_are_learned_of_stored_targets_alone(job_of):
    parameters = {**PARAMETERS, "objective": "classification"}
    for job in (
        job_of(MEAN, parameters=parameters),
        job_of("target", TO_SMALL, parameters=parameters),
        job_of(MEAN, family="classifier", parameters={}, epochs=1),
    ):
        with pytest.raises(ConfigError, match="learns five classes here, but the"):
            make_plan(job)
    assert make_plan(job_of("target", parameters=parameters))
