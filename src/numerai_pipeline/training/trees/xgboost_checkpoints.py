"""Checkpoints of XGBoost: the newest model whole, of which an older one is a part."""

from pathlib import Path
from typing import Any

from numerai_pipeline.core import DataError, atomic_path
from numerai_pipeline.models import read_xgboost


def load_checkpoint(checkpoints: Path, n_trees: int) -> Any:
    """Return a booster of the first trees, with no parameters but the model's own.

    Raises:
        DataError: if there is no checkpoint with as many, or it is broken.
    """
    again = f"Delete the run's folder {checkpoints.parent} and train again."
    paths = sorted(checkpoints.glob("trees-*.ubj"))
    path = next((path for path in paths if _number(path) >= n_trees), None)
    if path is None:
        raise DataError(f"{checkpoint_path(checkpoints, n_trees)} is gone. {again}")
    try:
        booster = read_xgboost(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a whole checkpoint ({error}). {again}"
        ) from error
    return booster if booster.num_boosted_rounds() == n_trees else booster[:n_trees]


def write_checkpoint(booster: Any, checkpoints: Path, n_trees: int) -> None:
    """Write all trees whole, then delete the older checkpoints, which are in it."""
    path = checkpoint_path(checkpoints, n_trees)
    write_model(booster, path)
    for other in checkpoints.glob("trees-*.ubj"):
        if other != path:
            other.unlink()


def write_model(booster: Any, path: Path) -> None:
    """Write a booster whole."""
    with atomic_path(path) as partial:
        partial.write_bytes(booster.save_raw("ubj"))


def checkpoint_path(checkpoints: Path, n_trees: int) -> Path:
    """Name the file of the first trees."""
    return checkpoints / f"trees-{n_trees:06d}.ubj"


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])
