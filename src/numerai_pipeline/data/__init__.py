"""From the tournament's Parquet files to rows that a model can learn from."""

from numerai_pipeline.data.block import Block, RowIds
from numerai_pipeline.data.catalog import FEATURE_GROUPS, FeatureCatalog
from numerai_pipeline.data.downloads.downloading import DownloadedFile, download
from numerai_pipeline.data.etl.build import build_shards
from numerai_pipeline.data.etl.copying import copy_shards
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.folds import (
    MIN_TEST_ERAS,
    Fold,
    Part,
    default_fold,
    eras_subset,
    format_eras,
    rolling_folds,
)
from numerai_pipeline.data.inspection import inspect_path
from numerai_pipeline.data.parquet.benchmarks import check_benchmark
from numerai_pipeline.data.parquet.columns import (
    column_names,
    read_columns,
    read_numbers,
)
from numerai_pipeline.data.parquet.reading import read_parquet_blocks
from numerai_pipeline.data.readers.packed_rows import PackedRows
from numerai_pipeline.data.readers.reader import ShardReader
from numerai_pipeline.data.readers.transforms import (
    decode_features,
    decode_packed,
    fill_missing,
)
from numerai_pipeline.data.schemes import (
    Scheme,
    SchemeName,
    backtest_folds,
    usual_chunk,
)
from numerai_pipeline.data.shards.manifest import ShardManifest

__all__ = [
    "FEATURE_GROUPS",
    "MIN_TEST_ERAS",
    "Block",
    "DownloadedFile",
    "EtlOptions",
    "FeatureCatalog",
    "Fold",
    "PackedRows",
    "Part",
    "RowIds",
    "Scheme",
    "SchemeName",
    "ShardManifest",
    "ShardReader",
    "backtest_folds",
    "build_shards",
    "check_benchmark",
    "column_names",
    "copy_shards",
    "decode_features",
    "decode_packed",
    "default_fold",
    "download",
    "eras_subset",
    "fill_missing",
    "format_eras",
    "inspect_path",
    "read_columns",
    "read_numbers",
    "read_parquet_blocks",
    "rolling_folds",
    "usual_chunk",
]
