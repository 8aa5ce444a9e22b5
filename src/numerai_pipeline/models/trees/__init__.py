"""Boosted trees: one file per family, and what all of them share.

Its exports are for the code that grows trees, `numerai_pipeline.training.trees`;
whoever writes a family finds everything in `numerai_pipeline.models`.
"""

from numerai_pipeline.models.trees.catboost_family import (
    class_probabilities,
    load_catboost,
    read_catboost,
    write_catboost,
)
from numerai_pipeline.models.trees.family import expected_value
from numerai_pipeline.models.trees.lightgbm_family import (
    LIGHTGBM_DATASET,
    LIGHTGBM_LOGGER,
    load_lightgbm,
)
from numerai_pipeline.models.trees.xgboost_family import (
    XGBOOST_MAX_BIN,
    load_xgboost,
    read_xgboost,
)

__all__ = [
    "LIGHTGBM_DATASET",
    "LIGHTGBM_LOGGER",
    "XGBOOST_MAX_BIN",
    "class_probabilities",
    "expected_value",
    "load_catboost",
    "load_lightgbm",
    "load_xgboost",
    "read_catboost",
    "read_xgboost",
    "write_catboost",
]
