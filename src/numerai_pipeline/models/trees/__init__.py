"""Boosted trees: a file a family, and what all of them share."""
