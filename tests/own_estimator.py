"""The file of a family of one's own, for tests: its parts, and with other methods."""

from datetime import UTC, datetime

from numerai_pipeline.data import ShardReader
from numerai_pipeline.models import Recipe
from numerai_pipeline.training import TrainingJob

HEAD = """
import os, sys
import numpy as np
from numerai_pipeline.models import EstimatorFamily, EstimatorParameters

class Parameters(EstimatorParameters):
    steps: int = 4

class Mine:
    def __init__(self, parameters, seed):
        self.steps, self.seed = parameters.steps, seed
        self.w = None
"""

# Gradient descent with checkpoints of its own.
OWN = """
    def fit(self, rows):
        kept = rows.checkpoints / f"{rows.done}.npy"
        self.w = np.load(kept) if rows.done else np.zeros(len(rows.features))
        for step in range(rows.done + 1, (rows.n_steps or self.steps) + 1):
            for batch in rows.batches(256, epoch=step):
                x = batch.x - 2
                self.w -= 0.02 * x.T @ (x @ self.w + 0.5 - batch.y) / len(x)
            np.save(rows.checkpoints / f"{step}.npy", self.w)
            if not rows.evaluate(step):
                break
"""

TAIL = """
    def predict(self, features):
        return (features - 2) @ self.w

FAMILY = EstimatorFamily("mine", "one of mine", Parameters, Mine)
"""

MINE = HEAD + OWN + TAIL


def make_mine(*, fit="", predict="", more=""):
    """Return the source of a family with other bodies of its methods."""
    learning = f"    def fit(self, rows):\n        {fit}\n" if fit else OWN
    of_predict, family = TAIL.split("\n\n")
    if predict:
        of_predict = f"\n    def predict(self, features):\n        {predict}\n"
    return f"{HEAD}{more}{learning}{of_predict}\n\n{family}"


def make_job(
    folder, shards, source=MINE, *, name="m", options=(), training=(), **others
):
    """Return the job of a family of one's own; without a source of `sklearn`."""
    return TrainingJob(
        name=name,
        recipe=Recipe(
            family="mine" if source else "sklearn",
            parameters=dict(options),
            training=dict(training),
            missing=others.pop("missing", 2.0),
        ),
        fold=ShardReader(shards).default_fold(("target",), allow_leak=True),
        untrained=folder / name / "untrained.json",
        shards=shards,
        runs=folder / name / "runs",
        started=datetime(2026, 11, 24, 12, tzinfo=UTC),
        source=source,
        allow_leak=True,
        **others,
    )
