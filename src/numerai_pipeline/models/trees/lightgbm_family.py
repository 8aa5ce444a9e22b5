"""``lightgbm``: gradient-boosted trees, the models to beat in this tournament."""

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import DataError, Positive, retrain
from numerai_pipeline.models.protocol import Predictor
from numerai_pipeline.models.trees.family import (
    TreesFamily,
    TreesParameters,
    expected_value,
    numerai_presets,
)
from numerai_pipeline.models.trees.forest_inference import on_gpu
from numerai_pipeline.models.trees.openmp import load_openmp

LIGHTGBM_LOGGER = "numerai_pipeline.lightgbm"

# How LightGBM reads the data: each of a feature's few values gets a bin of its own,
# however rare. LightGBM must not search for sparse features to bundle: there are none,
# and the search is slow.
LIGHTGBM_DATASET: Mapping[str, Any] = {
    "max_bin": 7,
    "min_data_in_bin": 1,
    "enable_bundle": False,
    "is_enable_sparse": False,
    "feature_pre_filter": False,
    "force_col_wise": True,
}


class LightgbmParameters(TreesParameters):
    """``[parameters]`` of ``lightgbm``, under LightGBM's own names."""

    RESERVED: ClassVar[frozenset[str]] = frozenset(
        {*LIGHTGBM_DATASET, "device_type", "metric", "num_class"}
    )

    num_leaves: Annotated[int, Field(ge=2)] = Field(
        default=31, description="one less than in a full tree of depth 5"
    )
    min_data_in_leaf: Positive = Field(
        default=20,
        description="LightGBM's default; raise it to hundreds on the full data",
    )
    lambda_l2: float = Field(
        default=0.0, ge=0.0, description="shrinks leaves; small steps already do"
    )


def _booster(parameters: LightgbmParameters, seed: int) -> dict[str, Any]:
    is_classification = parameters.objective == "classification"
    objective: dict[str, Any] = (
        {"objective": "multiclass", "num_class": 5, "metric": "multi_logloss"}
        if is_classification
        else {"objective": "regression", "metric": "l2"}
    )
    table = parameters.model_dump(mode="json")
    for name in ("objective", "n_estimators", "also_targets", "extra"):
        del table[name]
    for name in ("monotone", "interaction"):
        if not table[name]:
            del table[name]
    return {
        **objective,
        **table,
        **LIGHTGBM_DATASET,
        # The same trees whatever the number of threads.
        "deterministic": True,
        "seed": seed,
        "feature_fraction_seed": seed,
        "verbosity": -1,
        **parameters.extra,
    }


def _load(path: Path) -> Predictor:
    """Load a trained booster from its text file."""
    lightgbm = load_lightgbm()
    text = path.read_text(encoding="utf-8", errors="replace")
    # LightGBM crashes on a truncated text; this line is at its end.
    if not text.startswith("tree\n") or "\npandas_categorical:" not in text:
        raise DataError(f"{path} is not a whole LightGBM model. {retrain(path)}")
    try:
        booster = lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as error:
        raise DataError(
            f"{path} is not a LightGBM model ({error}). {retrain(path)}"
        ) from error
    return on_gpu(path, "lightgbm") or _LightgbmPredictor(booster)


@cache
def load_lightgbm() -> Any:
    """Import LightGBM and return the module, with its messages off.

    It prints to stdout, and ``verbosity`` has no effect while it makes data sets, where
    it warns that the sample for the bins is small, which is on purpose.

    Raises:
        ConfigError: if the system lacks what LightGBM needs.
    """
    load_openmp()
    import lightgbm

    logger = logging.getLogger(LIGHTGBM_LOGGER)
    logger.setLevel(logging.ERROR)  # errors come as exceptions too
    lightgbm.register_logger(logger)
    return lightgbm


class _LightgbmPredictor:
    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return expected_value(self._booster.predict(features)).astype(np.float32)


FAMILY = TreesFamily(
    name="lightgbm",
    summary="gradient-boosted trees (LightGBM): small steps, shallow trees",
    engine="lightgbm",
    Parameters=LightgbmParameters,
    booster=_booster,
    load_model=_load,
    trained_suffix=".txt",
    presets=numerai_presets(
        large={"num_leaves": 64}, deep={"num_leaves": 1_024, "min_data_in_leaf": 10_000}
    ),
)
