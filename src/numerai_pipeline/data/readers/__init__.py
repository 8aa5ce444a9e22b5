"""Shards -> rows in memory."""
