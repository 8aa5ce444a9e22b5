"""The files of a growing CatBoost model: the trees of one look each."""

from pathlib import Path
from typing import Any

from numerai_pipeline.core import DataError
from numerai_pipeline.models import read_catboost

_REMEDY = "Delete the run's folder and train again."


def read_parts(checkpoints: Path, n_trees: int) -> list[tuple[int, Any]]:
    """Return the parts of the first trees, each with the number of trees with it.

    Args:
        checkpoints: the folder of the parts.
        n_trees: how many trees; a part ends with them.

    Raises:
        DataError: if a part is missing or broken.
    """
    parts, n_before = [], 0
    for path in sorted(checkpoints.glob("trees-*.cbm"), key=part_number):
        if part_number(path) > n_trees:
            break
        part = read_catboost(path, remedy=_REMEDY)
        if part.tree_count_ != part_number(path) - n_before:
            raise DataError(f"{checkpoints} lacks trees before {path.name}. {_REMEDY}")
        n_before = part_number(path)
        parts.append((n_before, part))
    if n_before != n_trees:
        raise DataError(f"{part_path(checkpoints, n_trees)} is gone. {_REMEDY}")
    return parts


def part_path(checkpoints: Path, n_trees: int) -> Path:
    """Return the file of the part that ends with so many trees."""
    return checkpoints / f"trees-{n_trees:06d}.cbm"


def part_number(path: Path) -> int:
    """Return with how many trees a part ends."""
    return int(path.stem.partition("-")[2])
