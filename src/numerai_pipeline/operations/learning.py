"""Training models and telling how good they are on eras they never saw."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numerai_pipeline.core import ConfigError, DataError, load_recipe
from numerai_pipeline.data import (
    FEATURE_GROUPS,
    FeatureCatalog,
    ShardReader,
    inspect_path,
)
from numerai_pipeline.models import Family, families, family
from numerai_pipeline.operations.pipeline import Pipeline
from numerai_pipeline.prediction import Evaluation, evaluate
from numerai_pipeline.training import RUN_CONFIG, Run, TrainingJob, latest_run
from numerai_pipeline.training import train as run_job


@dataclass(frozen=True)
class ZooEntry:
    """A line of the zoo: a family, or a model of the workspace."""

    kind: str
    name: str
    about: str
    best_epoch: int | None = None
    monitor: str | None = None
    best_value: float | None = None


def training_job(
    pipeline: Pipeline,
    name: str,
    *,
    tensorboard: bool = False,
    max_ram_bytes: int | None = None,
) -> TrainingJob:
    """Return the job that trains a model on the workspace's shards."""
    recipe = load_recipe(pipeline.workspace.recipe_path(name))
    catalog = FeatureCatalog.load(pipeline.data_dir / "features.json")
    return TrainingJob(
        name=name,
        recipe=recipe,
        untrained=pipeline.workspace.model_dir(name)
        / family(recipe.family).untrained_file,
        features=catalog.columns(recipe.feature_set),
        shards=pipeline.shards_dir,
        runs=pipeline.workspace.runs_dir(name),
        started=pipeline.clock.now(),
        tensorboard=tensorboard,
        groups={
            name: members
            for name, members in catalog.sets.items()
            if name in FEATURE_GROUPS
        },
        max_ram_bytes=max_ram_bytes,
    )


def train(
    pipeline: Pipeline,
    names: Sequence[str],
    *,
    tensorboard: bool = False,
    max_ram_bytes: int | None = None,
) -> list[Run]:
    """Train models one after the other; a finished run is not repeated.

    Args:
        pipeline: the workspace.
        names: its models.
        tensorboard: write curves for TensorBoard too.
        max_ram_bytes: memory that a training may take; None: three quarters of the
            machine's.
    """
    jobs = [
        training_job(
            pipeline, name, tensorboard=tensorboard, max_ram_bytes=max_ram_bytes
        )
        for name in names
    ]
    return [run_job(job, progress=pipeline.progress) for job in jobs]


def best_run(pipeline: Pipeline, name: str) -> Run:
    """Return a model's latest finished run.

    Raises:
        ConfigError: if there is no such model.
        DataError: if it has no finished run.
    """
    if not pipeline.workspace.model_dir(name).is_dir():
        known = sorted(path.name for path in pipeline.workspace.models_dir.glob("*"))
        raise ConfigError(
            f"there is no model '{name}' in {pipeline.workspace.models_dir}. "
            f"It holds {', '.join(known) or 'none yet'}; `nai new` makes one."
        )
    return latest_run(pipeline.workspace.runs_dir(name))


def score(
    pipeline: Pipeline, names: Sequence[str], *, force: bool = False
) -> dict[str, Evaluation]:
    """Score the models' latest runs on the held-out eras of the shards.

    The meta model and the benchmarks are compared with where they were downloaded.
    """
    shards = ShardReader(pipeline.shards_dir)
    meta_model = pipeline.data_dir / "meta_model.parquet"
    benchmarks = [
        path
        for path in sorted(pipeline.data_dir.glob("*_benchmark_models.parquet"))
        if not path.name.startswith("live")
    ]
    return {
        name: evaluate(
            best_run(pipeline, name),
            shards,
            meta_model=meta_model if meta_model.is_file() else None,
            benchmarks=benchmarks,
            force=force,
            progress=pipeline.progress,
        )
        for name in names
    }


def describe(path: Path, *, verify: bool = False) -> dict[str, Any]:
    """Tell what a Parquet file, a data folder, a shard folder or a run holds.

    Args:
        path: what to look at.
        verify: read every byte and check every checksum.

    Raises:
        DataError: if it is none of these, or is broken.
    """
    if not (path / RUN_CONFIG).is_file():
        return inspect_path(path, verify=verify)
    run = Run.open(path)
    found: dict[str, Any] = {
        "kind": "run",
        "model": run.name,
        "family": run.recipe.family,
        "features": len(run.features),
        "target": run.target,
        "is_done": run.is_done,
        "parameters": run.recipe.parameters,
        "training": run.recipe.training,
    }
    if run.is_done:
        best = run.best()
        found |= {"best_epoch": best.epoch, run.monitor: best.value, "file": best.path}
    return found | {"history": [asdict(epoch) for epoch in run.history()]}


def zoo(pipeline: Pipeline | None) -> list[ZooEntry]:
    """List the families and, in a workspace, its models with their best epochs."""
    entries: list[ZooEntry] = [
        ZooEntry("family", kind.name, _about(kind)) for kind in families()
    ]
    if pipeline is None:
        return entries
    for path in sorted(pipeline.workspace.models_dir.glob("*/model.toml")):
        name = path.parent.name
        best: dict[str, Any] = {}
        about = load_recipe(path).family
        if any(pipeline.workspace.runs_dir(name).glob("*/DONE")):
            try:
                run = best_run(pipeline, name)
                found = run.best()
            except DataError:  # the others are listed all the same
                about = f"{about}; its run is broken, see `nai best {name}`"
            else:
                best = {
                    "best_epoch": found.epoch,
                    "monitor": run.monitor,
                    "best_value": found.value,
                }
        entries.append(ZooEntry("model", name, about, **best))
    return entries


def _about(kind: Family) -> str:
    presets = f"; presets {', '.join(kind.presets)}" if kind.presets else ""
    return f"{kind.summary}{presets}"
