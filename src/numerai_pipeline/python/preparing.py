"""`init`, `download`, `etl`, `inspect`, `zoo`, `new` as calls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from numerai_pipeline import api
from numerai_pipeline.core import Settings, SubmissionSettings
from numerai_pipeline.python.opening import Folder, frame_of, open_workspace, size_of
from numerai_pipeline.python.results import Description
from numerai_pipeline.python.simulation import Simulation, simulated_settings


def init(
    workspace: Folder = ".",
    *,
    simulation: Simulation | None = None,
    models: Mapping[str, str] | None = None,
    force: bool = False,
) -> Path:
    """Write ``numerai.toml`` with every key, its default and the reason for it.

    Args:
        workspace: its folder.
        simulation: a simulated tournament to talk to; None: the real one.
        models: name of a model -> its name at Numerai, for ``submit``.
        force: write over one that is there.

    Returns:
        The path of the file.

    Raises:
        ConfigError: if there is one and ``force`` is not given.
    """
    if simulation is None:
        settings = Settings(submission=SubmissionSettings(models=dict(models or {})))
    else:
        settings = simulated_settings(simulation.url, models or {})
    return api.create_workspace(Path(workspace), settings, force=force)


def download(
    *kinds: str, live: bool = False, force: bool = False, workspace: Folder = "."
) -> pd.DataFrame:
    """Fetch the tournament's files; what is current is left as it is.

    Args:
        *kinds: ``features``, ``train``, ``validation``, ``meta``, ``benchmarks``;
            without any, all of these.
        live: the open round's live data, instead or besides.
        force: fetch again what is current.
        workspace: its folder.

    Returns:
        A row a file, by ``filename``: path, bytes, rows, eras, was_current.
    """
    pipeline = open_workspace(workspace)
    files: list[Any] = []
    if kinds or not live:
        chosen = kinds or tuple(api.FILES_OF_KIND)
        files += api.download_data(pipeline, chosen, force=force)
    if live:
        number = pipeline.tournament.current_round().number
        path = api.download_live(pipeline, number, force=force)
        files.append(
            {"filename": path.name, "path": path, "bytes": path.stat().st_size}
        )
    return frame_of(files, "filename")


def etl(
    *,
    shards: Folder | None = None,
    max_ram: str | int | None = None,
    force: bool = False,
    workspace: Folder = ".",
    **options: Any,
) -> pd.DataFrame:
    """Turn the downloaded Parquet into shards; nothing is done if they are current.

    Args:
        shards: their folder; None: the settings'.
        max_ram: memory that it may take, such as ``"2GB"`` or ``"25%"``.
        force: make shards anew that are current.
        workspace: its folder.
        **options: fields of ``EtlOptions``: ``split=0.2``, ``sources=("train",)``,
            ``feature_set="small"``, ``eras_subset="every:4"``...

    Returns:
        A row a split, by ``split``: eras, first_era, last_era, rows, files, bytes.

    Raises:
        ConfigError: if an option does not exist or does not fit the others.
        DataError: if a file is missing or broken.
    """
    pipeline = open_workspace(workspace)
    manifest = api.etl(
        pipeline,
        api.etl_options(pipeline, **options),
        shards=None if shards is None else Path(shards),
        max_ram_bytes=size_of(max_ram),
        force=force,
    )
    return frame_of(
        (
            {
                "split": name,
                "eras": len(split.eras),
                "first_era": split.eras[0],
                "last_era": split.eras[-1],
                "rows": split.rows,
                "files": len(split.shards),
                "bytes": sum(file.bytes for file in split.shards),
            }
            for name, split in manifest.splits.items()
        ),
        "split",
    )


def inspect(path: Folder, *, verify: bool = False) -> Description:
    """Tell what a Parquet file, a data folder, a shard folder or a run holds.

    Args:
        path: what to look at.
        verify: read every byte and check every checksum.

    Raises:
        DataError: if it is none of these, or is broken.
    """
    return Description.of(api.describe(Path(path), verify=verify))


def zoo(workspace: Folder = ".") -> pd.DataFrame:
    """List the model families and, in a workspace, its models with their best epochs.

    Returns:
        A row each, by ``name``: kind (family or model), about, best_epoch, monitor,
        best_value.
    """
    has_workspace = (Path(workspace) / "numerai.toml").is_file()
    pipeline = open_workspace(workspace) if has_workspace else None
    return frame_of(api.zoo(pipeline), "name")


def new(
    family: str,
    name: str | None = None,
    *,
    training: Mapping[str, Any] | None = None,
    preset: str | None = None,
    feature_set: str | None = None,
    target: str = "target",
    force: bool = False,
    workspace: Folder = ".",
    **parameters: Any,
) -> Path:
    """Write a model's recipe, ``model.toml``, and its untrained model.

    Args:
        family: a family of the zoo.
        name: of the model; the family's by default.
        training: options of ``[training]`` that differ from their defaults.
        preset: a set of parameters of the family; ``parameters`` come on top.
        feature_set: features it sees; None: those of the shards.
        target: the target it learns.
        force: write over a model that exists; its runs stay.
        workspace: its folder.
        **parameters: the family's own: ``units=[64, 32]``, ``dropout=0.2``...

    Returns:
        The model's folder.

    Raises:
        ConfigError: if there is no such family, preset, parameter or target.
        DataError: if ``features.json`` is not there yet.
    """
    table = {f"training.{key}": value for key, value in (training or {}).items()}
    return api.new(
        open_workspace(workspace),
        family,
        name or family,
        feature_set=feature_set,
        target=target,
        parameters={**parameters, **table},
        preset=preset,
        force=force,
    )
