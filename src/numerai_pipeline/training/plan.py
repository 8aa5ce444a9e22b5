"""A training job, and what it comes to on the shards that are there."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    Recipe,
    digest_of,
    sha256_of,
)
from numerai_pipeline.data import ShardReader
from numerai_pipeline.models import CheckedRecipe, check_recipe


@dataclass(frozen=True)
class TrainingJob:
    """What to train, on what, and where to.

    Attributes:
        name: the model's name.
        recipe: how to train it.
        untrained: the untrained model in the model's folder.
        shards: folder of the shards.
        runs: folder in which the run's folder is made; nothing else is written.
        started: the present moment, which names the run.
        tensorboard: write curves for TensorBoard too.
    """

    name: str
    recipe: Recipe
    untrained: Path
    shards: Path
    runs: Path
    started: datetime
    tensorboard: bool = False


@dataclass(frozen=True)
class Plan:
    """A job whose recipe is checked and whose shards are there.

    Attributes:
        job: the job.
        checked: its recipe with all defaults.
        reader: its shards.
        features: columns of the recipe's feature set, in order.
        fingerprint: 64 hex digits of all that decides what the training makes.
    """

    job: TrainingJob
    checked: CheckedRecipe
    reader: ShardReader
    features: tuple[str, ...]
    fingerprint: str


def make_plan(job: TrainingJob) -> Plan:
    """Check a job's recipe against its family and against its shards.

    Raises:
        ConfigError: if the recipe is wrong, or the shards hold nothing out.
        DataError: if the shards are broken or lack what the recipe names.
    """
    checked = check_recipe(job.recipe)
    reader = ShardReader(job.shards)
    if not reader.eras("valid"):
        raise ConfigError(
            f"{job.shards} holds no eras out, so no epoch of '{job.name}' could be "
            "called the best. Run `nai etl --split 0.2`."
        )
    if job.recipe.target not in reader.manifest.targets:
        raise DataError(
            f"{job.shards} has no target '{job.recipe.target}', which model "
            f"'{job.name}' learns. Run `nai etl --target {job.recipe.target}`, or "
            f"name one of {', '.join(reader.manifest.targets)} in model.toml."
        )
    fingerprint = digest_of(
        {
            "recipe": checked.complete().model_dump(mode="json"),
            "shards": reader.manifest.fingerprint,
            "untrained": sha256_of(job.untrained) if job.untrained.is_file() else "",
        }
    )
    return Plan(job, checked, reader, _features(job, reader), fingerprint)


def _features(job: TrainingJob, reader: ShardReader) -> tuple[str, ...]:
    return tuple(reader.manifest.features)
