"""`nai download`, `nai etl`, `nai inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from numerai_pipeline.cli.shell import Shell, print_json, print_table, say, show

if TYPE_CHECKING:
    from numerai_pipeline.operations import Pipeline

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
    from numerai_pipeline.operations import FILES_OF_KIND, download_data, download_live

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
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Pool train and validation rows; needs --split to hold out."
        ),
    ] = False,
    split: Annotated[
        float | None,
        typer.Option(help="Share of the latest eras to hold out, such as 0.2."),
    ] = None,
    purge: Annotated[
        int | None,
        typer.Option(help="Eras dropped before the held-out ones; by the targets."),
    ] = None,
    feature_set: Annotated[
        str | None, typer.Option(help="A set of features.json.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="A target to pack; may be repeated."),
    ] = None,
    shard: Annotated[int | None, typer.Option(help="Rows a shard file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn Parquet into shards: about a byte for three features.

    By default train.parquet is trained on and validation.parquet held out, with
    the last training eras purged. Nothing is done if the shards are current.
    """
    from numerai_pipeline import operations

    shell: Shell = context.obj
    pipeline = shell.pipeline()
    options = operations.etl_options(
        pipeline,
        split=0.2 if everything and split is None else split,
        sources=("train", "validation") if everything else _sources(split),
        purge=purge,
        feature_set=feature_set,
        targets=tuple(target) if target else None,
        rows_per_shard=shard,
    )
    manifest = operations.etl(pipeline, options)
    if as_json:
        print_json(manifest.model_dump(mode="json"))
        return
    shards = pipeline.shards_dir
    _print_description(str(shards), operations.describe(shards))


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
    from numerai_pipeline import operations

    found = operations.describe(path, verify=verify)
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


def _sources(split: float | None) -> tuple[str, ...] | None:
    return None if split is None else ("train",)


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
