"""`nai download`, `nai etl`, `nai inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from numerai_pipeline.cli.shell import (
    Shell,
    print_json,
    print_table,
    say,
    show,
    size_in_bytes,
)
from numerai_pipeline.core import ConfigError

if TYPE_CHECKING:
    from numerai_pipeline.api import Pipeline

WHAT, SIDES = "What goes in", "What is held out"
COLUMNS, FILES = "Columns", "Files and memory"

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def download(
    context: typer.Context,
    train: Annotated[bool, typer.Option("--train", help="Training data.")] = False,
    validation: Annotated[
        bool, typer.Option("--validation", help="Validation data.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Live data of the open round.")
    ] = False,
    features: Annotated[
        bool, typer.Option("--features", help="features.json: names and sets.")
    ] = False,
    meta: Annotated[
        bool, typer.Option("--meta", help="The meta model's predictions.")
    ] = False,
    benchmarks: Annotated[
        bool, typer.Option("--benchmarks", help="Numerai's benchmark models.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="All of these, live data too.")
    ] = False,
    version: Annotated[
        str | None, typer.Option(help="A release other than numerai.toml's.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch again what is current.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch the tournament's files; what is current is left as it is.

    Without a flag: all but the live data. An interrupted download goes on where
    it stopped.
    """
    from numerai_pipeline.api import FILES_OF_KIND, download_data, download_live

    shell: Shell = context.obj
    pipeline = _with_version(shell.pipeline(), version)
    flags = {
        "features": features,
        "train": train,
        "validation": validation,
        "meta": meta,
        "benchmarks": benchmarks,
    }
    chosen = [kind for kind in FILES_OF_KIND if flags[kind] or everything]
    if not chosen and not live:
        chosen = list(FILES_OF_KIND)
    files = download_data(pipeline, chosen, force=force) if chosen else []
    paths: list[str] = []
    if live or everything:
        round_number = pipeline.tournament.current_round().number
        paths.append(str(download_live(pipeline, round_number, force=force)))
    if as_json:
        print_json({"files": files, "live": paths})
        return
    if files:
        print_table(
            "Downloaded",
            ["file", "bytes", "rows", "eras", "state"],
            [
                (
                    file.filename,
                    file.bytes,
                    file.rows,
                    file.eras,
                    "was current" if file.was_current else "fetched",
                )
                for file in files
            ],
        )
    for path in paths:
        say(f"live data: {path}")


def etl(
    context: typer.Context,
    train: Annotated[
        bool, typer.Option("--train", help="Only train.parquet.", rich_help_panel=WHAT)
    ] = False,
    validation: Annotated[
        bool,
        typer.Option(
            "--validation", help="Only validation.parquet.", rich_help_panel=WHAT
        ),
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="The newest live.parquet, into shards/live.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Pool train and validation rows; a fifth is held out, or --split.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    eras_subset: Annotated[
        str | None,
        typer.Option(
            help="even, odd, every:4, every:4:1 or 1-120,300-.", rich_help_panel=WHAT
        ),
    ] = None,
    balance: Annotated[
        bool,
        typer.Option(
            "--balance",
            help="Thin out common target values in training rows.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    split: Annotated[
        float | None,
        typer.Option(
            help="Share of eras to hold out, the latest, such as 0.2.",
            rich_help_panel=SIDES,
        ),
    ] = None,
    split_test: Annotated[
        float | None,
        typer.Option(
            help="Share of eras for a test split, the very latest.",
            rich_help_panel=SIDES,
        ),
    ] = None,
    split_by: Annotated[
        str | None,
        typer.Option(
            help="era, or rows: drawn at random, which leaks.", rich_help_panel=SIDES
        ),
    ] = None,
    split_valid_only: Annotated[
        bool,
        typer.Option(
            "--split-valid-only",
            help="Hold out of validation.parquet alone; train on all else.",
            rich_help_panel=SIDES,
        ),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of --split-by rows.", rich_help_panel=SIDES),
    ] = None,
    purge: Annotated[
        int | None,
        typer.Option(
            help="Eras dropped before held-out ones; 8 or 16 by the targets.",
            rich_help_panel=SIDES,
        ),
    ] = None,
    feature_set: Annotated[
        str | None,
        typer.Option(help="A set of features.json.", rich_help_panel=COLUMNS),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            help="catalog, or groups: intelligence, charisma, ...",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            help="Targets to pack, with commas; all by default.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="packed, or rows: an Example of floats a row.", rich_help_panel=FILES
        ),
    ] = None,
    shard: Annotated[
        int | None, typer.Option(help="Rows a file.", rich_help_panel=FILES)
    ] = None,
    eras: Annotated[
        bool,
        typer.Option(
            "--eras",
            help="A series of files an era, with the era in the name.",
            rich_help_panel=FILES,
        ),
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Folder of the shards.", rich_help_panel=FILES),
    ] = None,
    max_ram: Annotated[
        str | None,
        typer.Option(
            help="Memory it may take: 800MB, 2GB, 25%.", rich_help_panel=FILES
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Make anew what is current.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Turn Parquet into shards: about a byte for three features.

    By default train.parquet is trained on and validation.parquet held out, with
    the last training eras purged. Nothing is done if the shards are current; a run
    that was stopped goes on where it was.
    """
    from numerai_pipeline import api

    shell: Shell = context.obj
    pipeline = shell.pipeline()
    pooled = everything or split_valid_only
    options = api.etl_options(
        pipeline,
        sources=_sources(
            train=train, validation=validation, live=live, pooled=pooled, split=split
        ),
        eras_subset=eras_subset,
        balance=balance or None,
        split=0.2 if pooled and split is None else split,
        split_test=split_test,
        split_by=split_by,
        split_valid_only=split_valid_only or None,
        seed=seed,
        purge=purge,
        feature_set=feature_set,
        order=order,
        targets=_names(targets),
        layout=layout,
        rows_per_shard=shard,
        shard_per_era=eras or None,
    )
    shards = folder or pipeline.shards_dir_of(options)
    manifest = api.etl(
        pipeline,
        options,
        shards=shards,
        max_ram_bytes=size_in_bytes(max_ram),
        force=force,
    )
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    _print_description(str(shards), api.describe(shards))


def inspect(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="A Parquet file, or a folder: data, shards, a run.")
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every byte, check every checksum.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell what a Parquet file, a data folder, a shard folder or a run holds."""
    del context
    from numerai_pipeline import api

    found = api.describe(path, verify=verify)
    if as_json:
        print_json(found)
        return
    _print_description(str(path), found)


def _print_description(title: str, found: dict[str, Any]) -> None:
    plain = {key: value for key, value in found.items() if not _is_table(value)}
    print_table(title, ["", "value"], [(key, _line(plain[key])) for key in plain])
    for key, value in found.items():
        if _is_table(value):
            columns = list(value[0])
            print_table(
                key,
                columns,
                [tuple(_line(row.get(c)) for c in columns) for row in value],
            )


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _line(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_line(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        shown = ", ".join(str(entry) for entry in value[:8])
        return f"{shown}, … ({len(value)})" if len(value) > 8 else shown
    return show(value)


def _sources(
    *, train: bool, validation: bool, live: bool, pooled: bool, split: float | None
) -> tuple[str, ...] | None:
    flags = {"train": train, "validation": validation, "live": live}
    named = tuple(name for name, is_named in flags.items() if is_named)
    if pooled and named in ((), ("train", "validation")):
        return ("train", "validation")
    if pooled:
        raise ConfigError(
            "--all pools train.parquet and validation.parquet: leave out "
            f"--{' --'.join(named)}."
        )
    if named:
        return named
    return None if split is None else ("train",)


def _names(texts: list[str] | None) -> tuple[str, ...] | None:
    """Return the names in texts such as ``target,target_victor_60``."""
    if texts is None:
        return None
    return tuple(name.strip() for text in texts for name in text.split(","))


def _with_version(pipeline: "Pipeline", version: str | None) -> "Pipeline":
    if version is None:
        return pipeline
    from dataclasses import replace

    data = pipeline.settings.data.model_copy(update={"version": version})
    return replace(
        pipeline, settings=pipeline.settings.model_copy(update={"data": data})
    )


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: nai download --train --features")(download)
    app.command(epilog="Example: nai etl --all --split 0.2")(etl)
    app.command(epilog="Example: nai inspect shards/main --verify")(inspect)
