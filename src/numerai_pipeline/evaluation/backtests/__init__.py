"""A recipe over many folds, each era predicted once."""
