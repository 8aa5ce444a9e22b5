from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from numerai_pipeline.core import SILENT, Frozen
from numerai_pipeline.data import ShardReader
from numerai_pipeline.models import (
    CheckedRecipe,
    ClassesTraining,
    KerasFamily,
    Recipe,
    load_keras,
    load_network,
)
from numerai_pipeline.training import TrainingJob
from numerai_pipeline.training.job import ModelPlan, Plan
from numerai_pipeline.training.networks import fitting
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.task import Task

# Half a second per training.
QUICK = {"epochs": 3, "batch_rows": 128, "learning_rate": 0.01}


class TinyParameters(Frozen):
    """Enough to have something random in a step, and more than one target."""

    also_targets: tuple[str, ...] = ()
    dropout: float = 0.0
    noise: float = 0.0
    precision: str = "float32"


def body(parameters, n_features):
    layers = load_keras().layers
    inputs = load_keras().Input((n_features,))
    x = layers.Rescaling(0.5, -1.0)(inputs)
    x = layers.GaussianNoise(parameters.noise)(x)
    x = layers.Dense(8, activation="tanh", dtype=parameters.precision)(x)
    return inputs, layers.Dropout(parameters.dropout)(x)


def head_of(shape, activation=None):
    """Return what builds a network whose head gives T x `shape` per row."""

    def build(parameters, n_features):
        keras = load_keras()
        inputs, x = body(parameters, n_features)
        whole = (1 + len(parameters.also_targets), *shape)
        x = keras.layers.Dense(int(np.prod(whole)), dtype="float32")(x)
        x = keras.layers.Reshape(whole)(x)
        x = keras.layers.Activation(activation or "linear", name="target")(x)
        return keras.Model(inputs, x)

    return build


VALUES = KerasFamily("values", "", TinyParameters, head_of(()))
MEMBERS = KerasFamily("members", "", TinyParameters, head_of((3,)), learns="members")
CLASSES = KerasFamily(
    "classes",
    "",
    TinyParameters,
    head_of((5,), "softmax"),
    Training=ClassesTraining,
    learns="classes",
)


@pytest.fixture(scope="session")
def tiny():
    """The families, by what their heads give."""
    return {"values": VALUES, "members": MEMBERS, "classes": CLASSES}


@pytest.fixture
def assigned(tmp_path, shards):
    """A function that returns the task of a family of these tests."""

    def assign(
        family=VALUES,
        *,
        name="run",
        training=(),
        parameters=(),
        progress=SILENT,
        shards=shards,
        missing=2.0,
    ):
        folder = tmp_path / name
        recipe = Recipe(family=family.name, missing=missing, seed=3)
        checked = CheckedRecipe(
            recipe,
            family,
            TinyParameters(**dict(parameters)),
            family.Training(**{**QUICK, **dict(training)}),
        )
        reader = ShardReader(shards)
        features = reader.manifest.features
        job = TrainingJob(
            name="tiny",
            recipe=recipe,
            untrained=folder / "untrained.keras",
            shards=shards,
            runs=folder,
            fold=reader.default_fold(checked.targets, allow_leak=True),
            started=datetime(2026, 11, 24, tzinfo=UTC),
        )
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        if not job.untrained.exists():
            family.write_untrained(
                checked.parameters,
                n_features=len(features),
                seed=3,
                path=job.untrained,
            )
        model = ModelPlan("", job.fold, checked.targets)
        return Task(
            plan=Plan(
                job, checked, reader, features, "fingerprint", "trained", (model,)
            ),
            model=model,
            folder=folder,
            recorder=Recorder(
                folder / "history.csv",
                checked.training,
                unit="epoch",
                tensorboard=None,
                progress=progress,
            ),
            progress=progress,
        )

    return assign


@pytest.fixture
def fitted(assigned):
    """A function that trains so, and returns the task."""

    def fit(family=VALUES, **options):
        task = assigned(family, **options)
        fitting.fit(task)
        return task

    return fit


@pytest.fixture
def learned():
    """A function that returns what a training learned: history and best weights."""

    def read(task):
        rows = [
            # repr, because NaN is not equal to itself.
            repr(replace(row, seconds=0, rows_per_second=0, waiting=0))
            for row in task.recorder.rows
        ]
        paths = sorted(task.checkpoints.rglob("best.keras"))
        return rows, [
            weights.tolist()
            for path in paths
            for weights in load_network(path).get_weights()
        ]

    return read
