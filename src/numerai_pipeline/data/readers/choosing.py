"""From names of features and targets to where they lie in a block."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, did_you_mean
from numerai_pipeline.data.shards.manifest import ShardManifest

Columns = npt.NDArray[np.intp]

# Position of a target, and the 256 values of its codes.
Palette = tuple[int, npt.NDArray[np.float32]]


def chosen_columns(
    folder: Path, manifest: ShardManifest, features: Sequence[str] | None
) -> Columns | None:
    """Return the positions of features, None for all of them as they lie.

    Raises:
        DataError: if a feature is not there.
    """
    known = manifest.features
    if features is None or tuple(features) == known:
        return None
    position = {name: index for index, name in enumerate(known)}
    for name in features:
        if name not in position:
            raise DataError(
                f"{folder} has no feature '{name}'. "
                f"{did_you_mean(name, known)} Run `nai etl --feature-set all`."
            )
    return np.array([position[name] for name in features], np.intp)


def chosen_palettes(
    folder: Path, manifest: ShardManifest, names: Sequence[str]
) -> list[Palette]:
    """Return the position and the values of stored targets.

    Raises:
        DataError: if a target is not there.
    """
    known = manifest.target_names
    for name in names:
        if name not in known:
            raise DataError(
                f"{folder} has no target '{name}'. "
                f"{did_you_mean(name, known)} Run `nai etl --targets {name}`."
            )
    positions = [known.index(name) for name in names]
    return [(at, manifest.targets[at].values()) for at in positions]
