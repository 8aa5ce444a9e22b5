"""What a model of the workspace is trained by: its recipe, shards and features."""

from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.parameters import size_of
from numerai_pipeline.api.scores import benchmark_files, catalog_of, open_shards
from numerai_pipeline.core import columns, parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numerai_pipeline.data import FeatureCatalog, Fold
    from numerai_pipeline.training import Run, TrainingJob


def training_job(
    project: Base,
    name: str,
    overrides: dict[str, Any],
    *,
    tensorboard: bool,
    max_ram: str | int | None,
    allow_leak: bool,
    run: "Run | None" = None,
    fold: "Fold | None" = None,
) -> "TrainingJob":
    """Return the job that trains a model.

    Args:
        project: the workspace.
        name: the model.
        overrides: values other than its recipe's.
        tensorboard: see ``train``, as the rest.
        max_ram: see ``train``.
        allow_leak: see ``train``.
        run: whose recipe, family and untrained model to take; None: those that the
            model has now.
        fold: its eras; None: the default fold of the shards.

    Raises:
        ConfigError: if the recipe, or an override, is wrong.
        DataError: if the shards are missing or broken.
    """
    from numerai_pipeline import models
    from numerai_pipeline.data import FEATURE_GROUPS
    from numerai_pipeline.training import TrainingJob

    if run is None:
        folder = project.workspace.model_dir(name)
        recipe = models.load_recipe(project.workspace.recipe_path(name))
        own = models.load_user_families(project.workspace.zoo_dir)
        kind = own.family(recipe.family)
    else:
        folder, recipe, kind = run.folder, run.recipe, run.family
    recipe = models.override(recipe, overrides)
    checked = models.check_recipe(recipe, kind)
    reader = open_shards(project, recipe)
    catalog = catalog_of(project, reader)
    return TrainingJob(
        name=name,
        recipe=recipe,
        fold=fold
        or reader.default_fold(
            (*checked.targets, columns.TARGET),
            eras=recipe.eras,
            allow_leak=allow_leak,
        ),
        untrained=folder / kind.untrained_file,
        features=catalog.columns(recipe.feature_set),
        neutral_features=catalog.union(recipe.prediction.neutralize.features),
        benchmarks=benchmark_files(project, reader.manifest.data_version),
        shards=reader.folder,
        runs=project.workspace.runs_dir(name),
        started=project.clock.now(),
        source=kind.source,
        allow_leak=allow_leak,
        tensorboard=tensorboard,
        groups={
            name: members
            for name, members in catalog.sets.items()
            if name in FEATURE_GROUPS
        },
        max_ram_bytes=size_of(max_ram),
        data=reader.data,
    )


def check_targets(
    project: Base, catalog: "FeatureCatalog", targets: "Sequence[str]"
) -> None:
    """Check the targets of a new model against what there is of the release.

    Raises:
        ConfigError: if a text cannot be read, or there is no such target, feature set
            or benchmark; benchmarks are checked where their files are downloaded.
    """
    from numerai_pipeline.data import check_benchmark

    parsed = [parse_target(text) for text in targets]
    catalog.select_targets([name for one in parsed for name in one.names])
    for neutral in (one.neutral for one in parsed if one.neutral):
        if neutral.to == "features":
            catalog.columns(neutral.name)
        elif files := benchmark_files(project):
            check_benchmark(files, neutral.name)
