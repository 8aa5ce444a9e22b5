"""What a Parquet file, a folder of data or a folder of shards holds."""

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
from numerai_pipeline.data.shards.manifest import SHARD_MANIFEST, ShardManifest

PARQUET_SUFFIX = ".parquet"


def inspect_path(path: Path, *, verify: bool = False) -> dict[str, Any]:
    """Describe a Parquet file, a folder of data or a folder of shards.

    Args:
        path: what is to be looked at.
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
            (_kind(name), str(source.schema.field(name).type)) for name in names
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
                f"{path} is not what was downloaded: its checksum has changed. "
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
    manifest = ShardManifest.load(folder)
    if verify:
        _verify(folder, manifest)
    return {
        "kind": "shards",
        "layout": manifest.layout,
        "data_version": manifest.data_version,
        "fingerprint": manifest.fingerprint,
        "verified": verify,
        "features": len(manifest.features),
        "targets": list(manifest.target_names),
        "bytes": manifest.n_bytes,
        "rows": manifest.n_rows,
        "bytes_per_row": round(manifest.n_bytes / max(manifest.n_rows, 1), 1),
        "rows_without_target": manifest.dropped.rows_without_target,
        "purged_eras": _span(manifest.dropped.purged_eras),
        "options": manifest.options,
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
        "sources": [source.model_dump() for source in manifest.sources],
    }


def _verify(folder: Path, manifest: ShardManifest) -> None:
    for shard in manifest.shards:
        path = folder / shard.name
        if not path.is_file():
            raise DataError(
                f"{path} does not exist, but the manifest lists it. "
                "Run `nai etl` to make the shards again."
            )
        if sha256_of(path) != shard.sha256:
            raise DataError(
                f"{path} is not what was written: its checksum has changed. "
                "Run `nai etl` to make the shards again."
            )


def _eras(source: ParquetSource) -> dict[str, Any]:
    if columns.ERA not in source.schema.names:
        return {}
    found: set[int] = set()
    for window in source.windows():
        found |= set(np.unique(source.eras(window)).tolist())
    return {"eras": _span(sorted(found))}


def _span(eras: Sequence[int]) -> str:
    """Say how many eras and from where to where.

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
