"""Describes a Parquet file, a folder of data or a folder of shards."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.core import DataError, columns, sha256_of
from numerai_pipeline.data.catalog import FeatureCatalog
from numerai_pipeline.data.downloads.records import read_records
from numerai_pipeline.data.etl.build import CATALOG
from numerai_pipeline.data.parquet.arrow_columns import era_name
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.readers.reader import ShardReader
from numerai_pipeline.data.shards.manifest import (
    REMEDY,
    SHARD_MANIFEST,
    ClassShare,
    Dropped,
    ShardManifest,
)

PARQUET_SUFFIX = ".parquet"


def inspect_path(path: Path, *, verify: bool = False) -> dict[str, Any]:
    """Describe a Parquet file, a folder of data or a folder of shards.

    Args:
        path: the file or folder.
        verify: read every byte and compare the checksums with the manifest.

    Returns:
        Plain values, and lists of dicts where there is a table, ready for JSON.

    Raises:
        DataError: if it is none of these, it is broken, or a checksum does not match.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist. Try `nai inspect shards/main`.")
    if path.is_file() and path.suffix == PARQUET_SUFFIX:
        return _inspect_parquet(path)
    if path.is_dir() and any(path.glob(f"*{PARQUET_SUFFIX}")):
        return _inspect_data(path, verify=verify)
    if (path / SHARD_MANIFEST).is_file():
        return _inspect_shards(path, verify=verify)
    if (path / CATALOG).is_file():
        return _inspect_data(path, verify=verify)
    raise DataError(
        f"{path} is neither a Parquet file nor a folder of data, shards or a run. "
        "Try `nai inspect data/v5.3` or `nai inspect shards/main`."
    )


def _inspect_parquet(path: Path) -> dict[str, Any]:
    with ParquetSource(path) as source:
        names = source.schema.names
        types = Counter(
            (_kind(name), str(kind))
            for name, kind in zip(names, source.schema.types, strict=True)
        )
        return {
            "kind": "parquet",
            "bytes": path.stat().st_size,
            "rows": source.n_rows,
            "row_groups": source.metadata.num_row_groups,
            **_eras(source),
            "columns": [
                {"columns": kind, "type": dtype, "count": count}
                for (kind, dtype), count in types.items()
            ],
        }


def _inspect_data(folder: Path, *, verify: bool) -> dict[str, Any]:
    records = read_records(folder)
    files = []
    for path in sorted(folder.iterdir()):
        if path.name == SHARD_MANIFEST or not path.is_file():
            continue
        record = records.get(path.name)
        if verify and record and sha256_of(path) != record.sha256:
            raise DataError(
                f"{path} has changed since the download: its checksum does not match. "
                "Download it again: `nai download --force`."
            )
        files.append(
            {
                "file": path.name,
                "bytes": path.stat().st_size,
                "rows": record.rows if record else None,
                "eras": record.eras if record else None,
            }
        )
    catalog = folder / CATALOG
    sets = FeatureCatalog.load(catalog).sets if catalog.is_file() else {}
    return {
        "kind": "data",
        "verified": verify,
        "files": files,
        "feature_sets": {name: len(features) for name, features in sets.items()},
    }


def _inspect_shards(folder: Path, *, verify: bool) -> dict[str, Any]:
    reader = ShardReader(folder)
    manifest = reader.manifest
    if verify:
        _verify(folder, reader)
    return {
        "kind": "shards",
        "layout": manifest.provenance.layout,
        "data_version": manifest.data_version,
        "fingerprint": manifest.fingerprint,
        "verified": verify,
        "features": len(manifest.features),
        "targets": list(manifest.target_names),
        "bytes": manifest.n_bytes,
        "rows": manifest.n_rows,
        "bytes_per_row": round(manifest.n_bytes / max(manifest.n_rows, 1), 1),
        **_dropped(manifest.dropped),
        "options": manifest.provenance.options,
        "splits": [
            {
                "split": name,
                "rows": split.rows,
                "eras": _span(split.eras),
                "files": len(split.shards),
                "bytes": sum(shard.bytes for shard in split.shards),
            }
            for name, split in manifest.splits.items()
        ],
        **_tables(manifest),
        "sources": [source.model_dump() for source in manifest.provenance.sources],
    }


def _dropped(dropped: Dropped) -> dict[str, Any]:
    """Return how many rows are in no split, by reason."""
    found = {
        "rows_without_target": dropped.rows_without_target,
        "rows_not_chosen": dropped.rows_not_chosen,
        "rows_balanced_away": dropped.rows_balanced_away,
        "purged_rows": dropped.purged_rows,
        "purged_eras": _span(dropped.purged_eras) if dropped.purged_eras else "",
    }
    return {key: value for key, value in found.items() if value}


def _tables(manifest: ShardManifest) -> dict[str, list[dict[str, Any]]]:
    """Return what only shards with certain options have."""
    found = {
        "class_shares": _class_shares(manifest.class_shares),
        "groups": [group.model_dump() for group in manifest.groups],
    }
    return {name: rows for name, rows in found.items() if rows}


def _class_shares(shares: Sequence[ClassShare]) -> list[dict[str, Any]]:
    before = sum(share.rows_before for share in shares)
    after = sum(share.rows_after for share in shares)
    return [
        {
            "target": share.value,
            "rows before": share.rows_before,
            "share before": round(share.rows_before / before, 4),
            "rows after": share.rows_after,
            "share after": round(share.rows_after / after, 4),
        }
        for share in shares
    ]


def _verify(folder: Path, reader: ShardReader) -> None:
    """Compare every file, and every block in it, with its checksum."""
    for shard in reader.manifest.shards:
        path = folder / shard.name
        if path.is_file() and sha256_of(path) != shard.sha256:
            raise DataError(
                f"{path} has changed: its checksum does not match. {REMEDY}"
            )
    for split in reader.manifest.splits:
        for _ in reader.blocks(split, features=()):
            pass


def _eras(source: ParquetSource) -> dict[str, Any]:
    if columns.ERA not in source.schema.names:
        return {}
    found: set[int] = set()
    for window in source.windows():
        found |= set(np.unique(source.eras(window)).tolist())
    return {"eras": _span(sorted(found))}


def _span(eras: Sequence[int]) -> str:
    """Return the number of eras with the first and the last.

    >>> _span([3, 4, 5]), _span([0]), _span([])
    ('3 (0003 to 0005)', '1 (X)', '0')
    """
    if not eras:
        return "0"
    first, last = era_name(eras[0]), era_name(eras[-1])
    return f"{len(eras)} ({first} to {last})" if len(eras) > 1 else f"1 ({first})"


def _kind(name: str) -> str:
    if columns.is_feature(name):
        return "features"
    return "targets" if columns.is_target(name) else name
