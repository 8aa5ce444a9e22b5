"""From nothing to shards and untrained models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.api.base import Pipeline
from numerai_pipeline.core import parse_table
from numerai_pipeline.data import (
    DownloadedFile,
    EtlOptions,
    FeatureCatalog,
    ShardManifest,
    build_shards,
    download,
)
from numerai_pipeline.models import family as family_of
from numerai_pipeline.models import load_user_families, new_model

# What each flag of `nai download` fetches. Live data belongs to a round and is
# fetched by `download_live`.
FILES_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "features": ("features.json",),
    "train": ("train.parquet",),
    "validation": ("validation.parquet",),
    "meta": ("meta_model.parquet",),
    "benchmarks": (
        "train_benchmark_models.parquet",
        "validation_benchmark_models.parquet",
    ),
}


def download_data(
    pipeline: Pipeline,
    kinds: Sequence[str] = tuple(FILES_OF_KIND),
    *,
    force: bool = False,
) -> list[DownloadedFile]:
    """Fetch the files of the settings' release that are not current yet.

    Args:
        pipeline: the workspace.
        kinds: keys of ``FILES_OF_KIND``.
        force: fetch again what is current.
    """
    settings = pipeline.settings
    return download(
        pipeline.tournament,
        [
            f"{settings.data.version}/{file}"
            for kind in kinds
            for file in FILES_OF_KIND[kind]
        ],
        pipeline.data_dir.parent,
        force=force,
        timeout_seconds=settings.tournament.timeout_seconds,
        deadline_seconds=settings.tournament.deadline_seconds,
        clock=pipeline.clock,
        progress=pipeline.progress,
    )


def download_live(
    pipeline: Pipeline, round_number: int, *, force: bool = False
) -> Path:
    """Fetch a round's live data into the round's folder.

    Returns:
        The path of ``live.parquet``.
    """
    settings = pipeline.settings
    path = pipeline.workspace.round_dir(round_number) / "live.parquet"
    download(
        pipeline.tournament,
        [f"{settings.data.version}/live.parquet"],
        pipeline.data_dir.parent,
        into=path.parent,
        force=force,
        round_number=round_number,
        timeout_seconds=settings.tournament.timeout_seconds,
        deadline_seconds=settings.tournament.deadline_seconds,
        clock=pipeline.clock,
        progress=pipeline.progress,
    )
    return path


def etl(
    pipeline: Pipeline,
    options: EtlOptions | None = None,
    *,
    shards: Path | None = None,
    max_ram_bytes: int | None = None,
    force: bool = False,
) -> ShardManifest:
    """Turn the downloaded Parquet into shards; nothing is done if they are current.

    Args:
        pipeline: the workspace.
        options: what goes in; None: what the settings say.
        shards: folder of the shards; None: the settings', ``shards/live`` for live
            rows.
        max_ram_bytes: memory that the work may take; None: a quarter of the
            machine's.
        force: make shards anew that are current.
    """
    chosen = options or etl_options(pipeline)
    return build_shards(
        pipeline.data_dir,
        shards or pipeline.shards_dir_of(chosen),
        chosen,
        live_file=pipeline.workspace.newest_live_file(),
        max_ram_bytes=max_ram_bytes,
        force=force,
        progress=pipeline.progress,
    )


def etl_options(pipeline: Pipeline, **overrides: Any) -> EtlOptions:
    """Return the ETL options of the settings, with overrides that are not None.

    Raises:
        ConfigError: if an override is not possible.
    """
    data = pipeline.settings.data
    given = {key: value for key, value in overrides.items() if value is not None}
    defaults = {
        "data_version": data.version,
        "feature_set": data.feature_set,
        "targets": data.targets,
    }
    return parse_table(EtlOptions, {**defaults, **given}, where="nai etl")


def new(
    pipeline: Pipeline,
    family: str,
    name: str,
    *,
    feature_set: str | None = None,
    target: str = "target",
    parameters: Mapping[str, Any] | None = None,
    preset: str | None = None,
    force: bool = False,
) -> Path:
    """Write a model's recipe and its untrained model.

    Args:
        pipeline: the workspace.
        family: name of a model family.
        name: folder of the model under ``models/``.
        feature_set: features it sees; by default those of the shards.
        target: target it learns, by name.
        parameters: values that differ from the family's defaults.
        preset: name of a set of such values; ``parameters`` come on top.
        force: write over a model that exists; its runs stay.

    Returns:
        The folder of the model.

    Raises:
        ConfigError: if there is no such family, preset, feature set or target.
        DataError: if ``features.json`` is not there: the width is not known.
    """
    load_user_families(pipeline.workspace.zoo_dir)
    family_of(family)
    chosen = feature_set or pipeline.settings.data.feature_set
    catalog = FeatureCatalog.load(pipeline.data_dir / "features.json")
    catalog.select_targets((target,))
    folder = pipeline.workspace.model_dir(name)
    new_model(
        folder,
        family,
        feature_set=chosen,
        n_features=len(catalog.columns(chosen)),
        target=target,
        overrides=dict(parameters or {}),
        preset=preset,
        force=force,
    )
    return folder
