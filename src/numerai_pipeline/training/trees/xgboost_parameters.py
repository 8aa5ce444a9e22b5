"""What XGBoost is called with: parameters, seeds and the device."""

import json
from typing import Any

import numpy as np
import xgboost

from numerai_pipeline.training.trees.library import TreeJob

# Seeds of 31 bits, which every build takes.
_SEED_MASK = 0x7FFF_FFFF


def booster_parameters(job: TreeJob) -> dict[str, Any]:
    """Return what XGBoost is called with; features are named by their places.

    Raises:
        ConfigError: if a feature is not there.
    """
    parameters = {"seed": 0, **job.parameters()}
    monotone, interaction = job.monotone(), job.interaction()
    if monotone:
        signs = (str(monotone.get(at, 0)) for at in range(len(job.train.features)))
        parameters["monotone_constraints"] = f"({','.join(signs)})"
    if interaction:
        parameters["interaction_constraints"] = str(interaction)
    parameters["device"] = job.device
    return parameters


def seed_at(seed: int, n_trees: int) -> int:
    """Return the seed of the trees after some; the first ones have the recipe's.

    >>> seed_at(7, 0), seed_at(7, 50) == seed_at(7, 51)
    (7, False)
    """
    if n_trees == 0:
        return seed & _SEED_MASK
    state = np.random.SeedSequence((seed & _SEED_MASK, n_trees)).generate_state(1)
    return int(state[0]) & _SEED_MASK


def device_of_a_tree_on(device: str) -> str:
    """Return where XGBoost really grows a tree: without a GPU it takes the CPU."""
    data = xgboost.DMatrix(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    booster = xgboost.Booster({"device": device, "verbosity": 0})
    try:
        booster.update(data, 0)
    except xgboost.core.XGBoostError:  # a driver that is too old, for one
        return "cpu"
    config = json.loads(booster.save_config())
    return str(config["learner"]["generic_param"]["device"])
