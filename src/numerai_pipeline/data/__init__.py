"""From the tournament's Parquet files to rows that a model can learn from."""

from numerai_pipeline.data.blocks import Block
from numerai_pipeline.data.catalog import FeatureCatalog
from numerai_pipeline.data.downloading import DownloadedFile, download
from numerai_pipeline.data.etl import EtlOptions, build_shards
from numerai_pipeline.data.inspection import inspect_path
from numerai_pipeline.data.manifest import ShardManifest
from numerai_pipeline.data.packed_rows import PackedRows
from numerai_pipeline.data.parquet import read_parquet_blocks
from numerai_pipeline.data.readers import ShardReader
from numerai_pipeline.data.transforms import decode_features

__all__ = [
    "Block",
    "DownloadedFile",
    "EtlOptions",
    "FeatureCatalog",
    "PackedRows",
    "ShardManifest",
    "ShardReader",
    "build_shards",
    "decode_features",
    "download",
    "inspect_path",
    "read_parquet_blocks",
]
