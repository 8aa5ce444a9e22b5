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
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.etl.plan import (
    Plan,
    Work,
    choose_content,
    decide,
    make_plan,
)
from numerai_pipeline.data.etl.writing import (
    Journal,
    abandoned,
    record_provenance,
    sweep,
    write_splits,
)
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.shards.manifest import (
    SHARD_MANIFEST,
    Provenance,
    ShardManifest,
    SourceFile,
    TargetPalette,
    layout_text,
)
from numerai_pipeline.data.shards.writer import SHARD_SUFFIX

CATALOG = "features.json"

# In every manifest of shards, in the name of the layout.
_MARK = b"numerai-pipeline "

_LEAK = (
    "Warning: rows of one era share their returns, so a split by rows leaks: its "
    "scores are far too good. Use them to compare with old results, never to judge a "
    "model."
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

    Nothing is done if the shards were made from the same files with the same options.
    The folder appears whole and replaces an older one. A run that was killed or
    interrupted resumes where it stopped, with the same result, byte for byte.

    Args:
        data_folder: the release's files as downloaded, ``features.json`` among them.
        shards_folder: folder for the shards and their manifest.
        options: what goes in.
        live_file: the live rows of a round; None: ``live.parquet`` of the release's
            folder.
        max_ram_bytes: memory that the work may take; None: a quarter of the
            machine's.
        force: rebuild shards that are up to date.
        progress: in rows; the plan is noted before the work starts.

    Returns:
        The manifest of the shards.

    Raises:
        ConfigError: if an unknown set or target is named, the split and the purge
            leave nothing to train or validate on, or the memory is too small.
        DataError: if a file is missing or is not one of a release, or the disk is too
            small.
    """
    catalog = FeatureCatalog.load(data_folder / CATALOG)
    shards_folder = shards_folder.resolve()  # replaces the target of a link
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
        provenance = Provenance(
            layout=layout_text(options.layout),
            options=options.model_dump(mode="json"),
            sources=tuple(_source_file(path) for path in stamps),
        )
        if _is_current(shards_folder, provenance, progress) and not force:
            progress.note(f"{shards_folder} is up to date: nothing to do.")
            return ShardManifest.load(shards_folder)
        _refuse_other_files(shards_folder)
        key = provenance.fingerprint[:16]
        kept = kept_folder(shards_folder, key)
        manifest = _finished(kept, provenance)
        if manifest is None:
            work = decide(content, options, progress)
            plan = make_plan(work, kept, max_ram_bytes)
            for line in plan.lines():
                progress.note(line)
        changes = abandoned(shards_folder, provenance)
        if changes:
            progress.note(f"Discarding an unfinished run, since {', '.join(changes)}.")
        with atomic_folder(shards_folder, key=key) as folder:
            if manifest is None:
                manifest = _build(folder, provenance, work, plan, progress)
                _check_unchanged(stamps)
                manifest = manifest.save(folder)
            sweep(folder)
    return manifest


def _build(
    folder: Path, provenance: Provenance, work: Work, plan: Plan, progress: Progress
) -> ShardManifest:
    """Write all shard files that an unfinished run has not written."""
    journal = Journal(folder)
    record_provenance(folder, provenance)
    if journal.n_files:
        progress.note(
            f"Resuming a run that was stopped: {journal.n_files} files "
            f"({show_bytes(journal.n_bytes)}) are complete."
        )
    if work.options.split_by == "rows":
        progress.note(_LEAK)
    splits = write_splits(
        folder, work, journal=journal, limits=plan.limits, progress=progress
    )
    return ShardManifest(
        provenance=provenance,
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
    """Return what identifies a file; an unchanged download keeps its checksum."""
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
            f"{path} has changed since the download: its checksum does not match. Run "
            "`nai download --force`, or delete the manifest.json beside it if you "
            "changed the file."
        )
    return SourceFile(name=path.name, bytes=found.st_size, sha256=sha256)


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _check_unchanged(stamps: Mapping[Path, tuple[int, int, int]]) -> None:
    """Refuse shards if a file changed while it was read."""
    for path, stamp in stamps.items():
        if not path.is_file() or _stamp(path) != stamp:
            raise DataError(
                f"{path} was changed while it was read, so its shards are "
                "discarded. Run `nai etl` again."
            )


def _is_current(folder: Path, provenance: Provenance, progress: Progress) -> bool:
    """Return whether shards are whole and of this provenance; if not, note why."""
    if not (folder / SHARD_MANIFEST).is_file():
        return False
    try:
        manifest = ShardManifest.load(folder)
    except DataError as error:
        progress.note(f"{folder} is rebuilt: {error}")
        return False
    changes = provenance.changes_since(manifest.provenance) or _broken(folder, manifest)
    if changes:
        progress.note(f"{folder} is rebuilt: {', '.join(changes)}.")
    return not changes


def _finished(folder: Path, provenance: Provenance) -> ShardManifest | None:
    """Return the manifest of a finished folder that was not yet put into place."""
    try:
        manifest = ShardManifest.load(folder)
    except DataError:
        return None
    is_whole = manifest.provenance == provenance and not _broken(folder, manifest)
    return manifest if is_whole else None


def _broken(folder: Path, manifest: ShardManifest) -> list[str]:
    """Return which files are missing or changed, one phrase per file."""
    found = []
    for shard in manifest.shards:
        path = folder / shard.name
        if not path.is_file():
            found.append(f"{shard.name} is missing")
        elif sha256_of(path) != shard.sha256:
            found.append(f"{shard.name} has changed")
    return found


def _refuse_other_files(folder: Path) -> None:
    """Refuse to replace a folder of other files."""
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
                f"{folder} would be replaced by shards, but it holds {path.name}. "
                "Choose another folder, or move that file."
            )
    manifest = folder / SHARD_MANIFEST
    # A broken manifest still marks a folder of shards.
    if paths and not (manifest.is_file() and _MARK in manifest.read_bytes()):
        raise ConfigError(
            f"{folder} would be replaced by shards, but it has no manifest of shards. "
            "Choose another folder, or delete this one."
        )
