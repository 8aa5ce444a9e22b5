"""Training models and telling how good they are on eras they never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numerai_pipeline.api.base import Pipeline
from numerai_pipeline.core import ConfigError, DataError, load_recipe
from numerai_pipeline.data import (
    FEATURE_GROUPS,
    FeatureCatalog,
    ShardReader,
    inspect_path,
)
from numerai_pipeline.models import (
    Family,
    check_recipe,
    families,
    family,
    load_user_families,
    override,
)
from numerai_pipeline.prediction import Evaluation, evaluate, known_corr
from numerai_pipeline.training import RUN_CONFIG, Run, TrainingJob, latest_run
from numerai_pipeline.training import train as run_job


@dataclass(frozen=True)
class ZooEntry:
    """A line of the zoo: a family, or a model of the workspace.

    Attributes:
        kind: ``family``, ``yours`` (a family of the workspace's own) or ``model``.
        name: its name.
        about: what a family is; a model's family.
        best_epoch: of a model's latest run.
        monitor: what the best epoch was chosen by.
        best_value: the monitored value.
        corr: mean CORR per held-out era, where the run was scored.
    """

    kind: str
    name: str
    about: str
    best_epoch: int | None = None
    monitor: str | None = None
    best_value: float | None = None
    corr: float | None = None


def training_job(
    pipeline: Pipeline,
    name: str,
    *,
    tensorboard: bool = False,
    max_ram_bytes: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> TrainingJob:
    """Return the job that trains a model on the workspace's shards.

    Raises:
        ConfigError: if the recipe, or an override, is wrong.
    """
    load_user_families(pipeline.workspace.zoo_dir)
    recipe = load_recipe(pipeline.workspace.recipe_path(name))
    recipe = override(recipe, overrides or {})
    check_recipe(recipe)
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
    overrides: Mapping[str, Any] | None = None,
) -> list[Run]:
    """Train models one after the other; a finished run is not repeated.

    Args:
        pipeline: the workspace.
        names: its models.
        tensorboard: write curves for TensorBoard too.
        max_ram_bytes: memory that a training may take; None: three quarters of the
            machine's.
        overrides: what differs from each model's recipe: ``dropout`` for a parameter,
            ``training.epochs`` for a training option, ``seed``. It makes other runs
            than the recipes as they stand.

    Raises:
        ConfigError: if a recipe or an override is wrong; nothing is trained then.
    """
    jobs = [
        training_job(
            pipeline,
            name,
            tensorboard=tensorboard,
            max_ram_bytes=max_ram_bytes,
            overrides=overrides,
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
    require_model(pipeline, name)
    return latest_run(pipeline.workspace.runs_dir(name))


def require_model(pipeline: Pipeline, name: str) -> None:
    """Check that a model is there.

    Raises:
        ConfigError: if it is not; the models that are there are named.
    """
    if not pipeline.workspace.model_dir(name).is_dir():
        known = ", ".join(model_names(pipeline)) or "none yet"
        raise ConfigError(
            f"there is no model '{name}' in {pipeline.workspace.models_dir}. "
            f"It holds {known}; `nai new` makes one."
        )


def model_names(pipeline: Pipeline) -> list[str]:
    """Return the names of the workspace's models, sorted."""
    return sorted(path.name for path in pipeline.workspace.models_dir.glob("*"))


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
    """List the families and, in a workspace, its own ones and its models.

    A model comes with the best epoch of its latest run, and with the mean CORR of that
    run's last score.

    Raises:
        ConfigError: if a file of the workspace's ``zoo`` is wrong.
    """
    if pipeline is not None:
        load_user_families(pipeline.workspace.zoo_dir)
    entries: list[ZooEntry] = [
        ZooEntry("yours" if kind.source else "family", kind.name, _about(kind))
        for kind in families()
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
                    "corr": known_corr(run.folder),
                }
        entries.append(ZooEntry("model", name, about, **best))
    return entries


def _about(kind: Family) -> str:
    presets = f"; presets {', '.join(kind.presets)}" if kind.presets else ""
    return f"{kind.summary}{presets}"
