"""Parquet files of the tournament -> packed columns."""
