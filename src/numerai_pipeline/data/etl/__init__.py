"""Parquet -> shards: options, splits, the plan and the work."""
