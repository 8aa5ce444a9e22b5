"""Parquet -> shards, streaming, in bounded memory."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from numerai_pipeline.core import (
    SILENT,
    ConfigError,
    DataError,
    Progress,
    atomic_folder,
    heal_folder,
    kept_folder,
    locked,
    sha256_of,
    show_bytes,
)
from numerai_pipeline.data.catalog import FeatureCatalog
from numerai_pipeline.data.downloads.records import read_records
from numerai_pipeline.data.etl.content import choose_content
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.etl.plan import Plan, make_plan
from numerai_pipeline.data.etl.unfinished import (
    Journal,
    abandoned,
    remember_origin,
    sweep,
)
from numerai_pipeline.data.etl.work import Work, decide
from numerai_pipeline.data.etl.writing import write_splits
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.shards.manifest import (
    SHARD_MANIFEST,
    Origin,
    ShardManifest,
    SourceFile,
    TargetPalette,
    layout_text,
)
from numerai_pipeline.data.shards.writer import SHARD_SUFFIX

CATALOG = "features.json"

# Every manifest of shards has it, in the name of the layout.
_MARK = b"numerai-pipeline "

_LEAK = (
    "Warning: rows of one era share their return, so rows held out of eras that are "
    "trained on leak, and scores on them are far too good. Compare old results with "
    "them, never judge a model by them."
)


def build_shards(
    data_folder: Path,
    shards_folder: Path,
    options: EtlOptions,
    *,
    live_file: Path | None = None,
    max_ram_bytes: int | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> ShardManifest:
    """Turn a release's Parquet files into shards.

    Nothing is done if the shards were made from the same files with the same
    options. The folder appears whole, in the place of an older one. A run that was
    killed or interrupted goes on where it was, and ends in the same bytes.

    Args:
        data_folder: the release's files as downloaded, ``features.json`` among them.
        shards_folder: folder for the shards and their manifest.
        options: what goes in.
        live_file: the live rows, which belong to a round; None: ``live.parquet`` of
            the release's folder.
        max_ram_bytes: memory that the work may take; None: a quarter of the
            machine's.
        force: make shards anew that are current.
        progress: told in rows; the plan is noted before the work starts.

    Returns:
        The manifest of the shards.

    Raises:
        ConfigError: if an unknown set or target is named, the split and the purge
            leave nothing to train on or to hold out, or the memory is too little.
        DataError: if a file is missing or holds what no release holds, or the disk
            is too small.
    """
    catalog = FeatureCatalog.load(data_folder / CATALOG)
    shards_folder = shards_folder.resolve()  # what a link names is replaced, not it
    if not shards_folder.name:
        raise ConfigError(f"{shards_folder} cannot be a folder of shards.")
    with ExitStack() as stack:
        stack.enter_context(locked(shards_folder, doing="making shards"))
        heal_folder(shards_folder)
        files = [
            live_file
            if name == "live" and live_file
            else data_folder / f"{name}.parquet"
            for name in options.sources
        ]
        sources = [stack.enter_context(ParquetSource(path)) for path in files]
        content = choose_content(catalog, sources, options)
        stamps = {path: _stamp(path) for path in [catalog.path, *files]}
        origin = Origin(
            layout=layout_text(options.layout),
            options=options.model_dump(mode="json"),
            sources=tuple(_source_file(path) for path in stamps),
        )
        if _is_current(shards_folder, origin, progress) and not force:
            progress.note(f"{shards_folder} is current: nothing to do.")
            return ShardManifest.load(shards_folder)
        _refuse_other_files(shards_folder)
        key = origin.fingerprint[:16]
        kept = kept_folder(shards_folder, key)
        manifest = _finished(kept, origin)
        if manifest is None:
            work = decide(content, options, progress)
            plan = make_plan(work, kept, max_ram_bytes)
            for line in plan.lines():
                progress.note(line)
        changes = abandoned(shards_folder, origin)
        if changes:
            progress.note(f"An unfinished run is given up, since {', '.join(changes)}.")
        with atomic_folder(shards_folder, key=key) as folder:
            if manifest is None:
                manifest = _build(folder, origin, work, plan, progress)
                _check_unchanged(stamps)
                manifest = manifest.save(folder)
            sweep(folder)
    return manifest


def _build(
    folder: Path, origin: Origin, work: Work, plan: Plan, progress: Progress
) -> ShardManifest:
    """Write all shard files, or those that an unfinished run has not written."""
    journal = Journal(folder)
    remember_origin(folder, origin)
    if journal.n_files:
        progress.note(
            f"Going on where a run was stopped: {journal.n_files} files "
            f"({show_bytes(journal.n_bytes)}) are whole."
        )
    if work.options.split_by == "rows":
        progress.note(_LEAK)
    splits = write_splits(
        folder, work, journal=journal, limits=plan.limits, progress=progress
    )
    return ShardManifest(
        origin=origin,
        data_version=work.options.data_version,
        features=work.content.features,
        groups=work.content.groups,
        targets=tuple(
            TargetPalette(name=name, palette=palette)
            for name, palette in zip(work.content.targets, work.palettes, strict=True)
        ),
        dropped=work.assignment.dropped,
        class_shares=work.assignment.class_shares,
        splits=splits,
    )


def _source_file(path: Path) -> SourceFile:
    """Return what identifies a file; its download's checksum while it is unchanged."""
    found = path.stat()
    record = read_records(path.parent).get(path.name)
    is_as_downloaded = (
        record is not None
        and record.size == found.st_size
        and record.modified_ns == found.st_mtime_ns
    )
    sha256 = record.sha256 if record and is_as_downloaded else sha256_of(path)
    if record is not None and record.sha256 != sha256:
        raise DataError(
            f"{path} is not what was downloaded: its checksum has changed. Run "
            "`nai download --force`, or delete the manifest.json beside it if the "
            "change is yours."
        )
    return SourceFile(name=path.name, bytes=found.st_size, sha256=sha256)


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _check_unchanged(stamps: Mapping[Path, tuple[int, int, int]]) -> None:
    """Refuse shards of which a part may come from another file than the rest."""
    for path, stamp in stamps.items():
        if not path.is_file() or _stamp(path) != stamp:
            raise DataError(
                f"{path} was changed while it was read, so what was made of it is "
                "thrown away. Run `nai etl` again."
            )


def _is_current(folder: Path, origin: Origin, progress: Progress) -> bool:
    """Tell whether shards are whole and of this origin; if they are not, note why."""
    if not (folder / SHARD_MANIFEST).is_file():
        return False
    try:
        manifest = ShardManifest.load(folder)
    except DataError as error:
        progress.note(f"{folder} is made anew: {error}")
        return False
    changes = origin.changes_since(manifest.origin) or _broken(folder, manifest)
    if changes:
        progress.note(f"{folder} is made anew: {', '.join(changes)}.")
    return not changes


def _finished(folder: Path, origin: Origin) -> ShardManifest | None:
    """Return the manifest of a folder that only had to be put into its place."""
    try:
        manifest = ShardManifest.load(folder)
    except DataError:
        return None
    is_whole = manifest.origin == origin and not _broken(folder, manifest)
    return manifest if is_whole else None


def _broken(folder: Path, manifest: ShardManifest) -> list[str]:
    """Say which files are not what was written."""
    found = []
    for shard in manifest.shards:
        path = folder / shard.name
        if not path.is_file():
            found.append(f"{shard.name} is gone")
        elif sha256_of(path) != shard.sha256:
            found.append(f"{shard.name} is not what was written")
    return found


def _refuse_other_files(folder: Path) -> None:
    """Refuse to replace a folder that is not one of shards."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file. Name a folder for the shards.")
    paths = sorted(folder.iterdir())
    for path in paths:
        if not path.is_file() or (
            path.suffix != SHARD_SUFFIX and path.name != SHARD_MANIFEST
        ):
            raise ConfigError(
                f"{folder} would be replaced by shards, but it holds {path.name}, "
                "which is none. Choose another folder, or move that file."
            )
    manifest = folder / SHARD_MANIFEST
    # A broken manifest is ours as long as it still says so.
    if paths and not (manifest.is_file() and _MARK in manifest.read_bytes()):
        raise ConfigError(
            f"{folder} would be replaced by shards, but no manifest of ours is in it. "
            "Choose another folder, or delete this one."
        )
