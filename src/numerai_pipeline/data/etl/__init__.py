"""Parquet -> shards: options, survey, assignments, plan, writing."""
