"""A training job, and what it comes to on the shards that are there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        features: columns of the recipe's feature set, in order; None where that set
            is the very one of the shards.
        tensorboard: write curves for TensorBoard too.
        groups: the groups of features, by name, for pictures.
        max_ram_bytes: memory that the training may take; None: three quarters of the
            machine's. It changes nothing in what the training makes.
    """

    name: str
    recipe: Recipe
    untrained: Path
    shards: Path
    runs: Path
    started: datetime
    features: tuple[str, ...] | None = None
    tensorboard: bool = False
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_ram_bytes: int | None = None


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
    if "valid" not in reader.manifest.splits:
        raise ConfigError(
            f"{job.shards} holds no eras out, so no epoch of '{job.name}' could be "
            "called the best. Run `nai etl --split 0.2`."
        )
    for target in checked.targets:
        if target not in reader.manifest.target_names:
            raise DataError(
                f"{job.shards} has no target '{target}', which model '{job.name}' "
                f"learns. Run `nai etl --targets {','.join(checked.targets)}`, or name "
                f"one of {', '.join(reader.manifest.target_names)} in model.toml."
            )
    features = _features(job, reader)
    fingerprint = digest_of(
        {
            "recipe": checked.complete().model_dump(mode="json"),
            "features": features,
            "shards": reader.manifest.fingerprint,
            "untrained": _hand_made(job, checked),
            "source": checked.family.source,
        }
    )
    return Plan(job, checked, reader, features, fingerprint)


def _hand_made(job: TrainingJob, checked: CheckedRecipe) -> str:
    """Return the checksum of an untrained model that somebody made by hand.

    One that we made follows from the recipe, but not byte for byte: it is dated.
    """
    path = job.untrained
    if not path.is_file() or checked.family.origin_of(path) is not None:
        return ""
    return sha256_of(path)


def _features(job: TrainingJob, reader: ShardReader) -> tuple[str, ...]:
    """Return the job's features, after a look whether the shards hold them."""
    wanted = job.recipe.feature_set
    found = str(reader.manifest.origin.options["feature_set"])
    what_to_do = (
        f"Run `nai etl --feature-set {wanted}`, or choose another feature_set in "
        "model.toml."
    )
    if job.features is None:
        if wanted != found:
            raise DataError(
                f"{job.shards} holds the feature set '{found}', but model '{job.name}' "
                f"sees '{wanted}'. {what_to_do}"
            )
        return reader.manifest.features
    known = set(reader.manifest.features)
    missing = [name for name in job.features if name not in known]
    if missing:
        raise DataError(
            f"{job.shards} lacks {len(missing):,} of the {len(job.features):,} "
            f"features of the set '{wanted}', which model '{job.name}' sees, such as "
            f"{missing[0]}. {what_to_do}"
        )
    return job.features
