"""Runs to be checked: honest ones, and families that leak."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from textwrap import dedent

import pytest

from numerai_pipeline.core import SILENT
from numerai_pipeline.data import ShardReader
from numerai_pipeline.evaluation.leaks.suspect import Suspect
from numerai_pipeline.models import Recipe
from numerai_pipeline.prediction import predict_live
from numerai_pipeline.training import Run, TrainingJob, train

# A network of the zoo, as a user would write one, with a line of the user's own.
FAMILY = """
import keras
from numerai_pipeline.models import (
    KerasFamily, KerasParameters, network_input, target_head,
)

{before}

def build(parameters, n_features):
    inputs, x = network_input(parameters, n_features)
    {line}
    return keras.Model(inputs, target_head(x, parameters))

FAMILY = KerasFamily("mine", "mine", KerasParameters, build)
"""


def live_ranks(run, live):
    frame = predict_live(run, live)
    return frame["id"].tolist(), frame["prediction"].to_numpy()


@pytest.fixture
def suspect_of(world, tmp_path):
    """A function that returns a run as the checks see it, in an empty folder."""

    def make(run, shards=None, **changes):
        work = tmp_path / "work"
        work.mkdir()
        suspect = Suspect(
            run=run,
            shards=shards or world.shards,
            data=world.data,
            benchmarks=world.references["benchmarks"],
            predict_live=live_ranks,
            work=work,
            is_full=False,
            progress=SILENT,
        )
        return replace(suspect, **changes)

    return make


@pytest.fixture(scope="session")
def trees(tmp_path_factory, world):
    """Trees that were trained as they should be; read only."""
    return train_one(world.shards, tmp_path_factory.mktemp("trees"))


@pytest.fixture
def honest(trees, suspect_of):
    """These trees, to be checked."""
    return suspect_of(trees)


@pytest.fixture
def alone(tmp_path):
    """A function that returns a suspect with a copy of its run, for this test only."""

    def copy(suspect):
        folder = tmp_path / "models" / "mine" / "runs" / suspect.run.folder.name
        shutil.copytree(suspect.run.folder, folder)
        return replace(suspect, run=Run.open(folder))

    return copy


@pytest.fixture
def train_on(tmp_path):
    """A function that trains trees, or a family of the user's, on shards."""

    def make(shards, **options):
        return train_one(shards, tmp_path / "models" / "mine" / "runs", **options)

    return make


def train_one(shards, runs, *, line=None, before="", allow_leak=False, targets=()):
    source = FAMILY.format(before=dedent(before), line=line) if line else ""
    trees = {"n_estimators": 20, "learning_rate": 0.2, "also_targets": targets}
    recipe = Recipe(
        family="mine" if line else "lightgbm",
        parameters={} if line else trees,
        training={"epochs": 1} if line else {"evaluate_every": 10},
    )
    job = TrainingJob(
        name="mine",
        recipe=recipe,
        fold=shards.default_fold(("target",), allow_leak=allow_leak),
        untrained=runs / "no-untrained-model",
        shards=shards.folder,
        runs=runs,
        started=datetime(2026, 11, 24, 12, tzinfo=UTC),
        source=source,
        data=shards.data,
    )
    return train(job)


@pytest.fixture
def shards_of(world, tmp_path):
    """A function that makes shards of the world's release with other options."""
    from numerai_pipeline.data import EtlOptions, build_shards

    def make(**options):
        build_shards(world.data, tmp_path / "shards", EtlOptions(**options))
        return ShardReader(tmp_path / "shards")

    return make
