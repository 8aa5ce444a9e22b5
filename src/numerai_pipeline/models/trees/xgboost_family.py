"""``xgboost``: gradient-boosted trees whose data may be on disk while they grow."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import DataError, retrain
from numerai_pipeline.models.protocol import CLASS_VALUES, Predictor
from numerai_pipeline.models.trees.family import (
    Share,
    TreesFamily,
    TreesParameters,
    expected_value,
    numerai_presets,
)
from numerai_pipeline.models.trees.forest_inference import on_gpu

# A feature has five values, and missing may be a sixth one: each has its own bin.
XGBOOST_MAX_BIN = 8

# The last key of a model's file; a truncated file lacks it.
_LAST_KEY = b"L\x00\x00\x00\x00\x00\x00\x00\x07version["
_LAST_BYTES = 64


class XgboostParameters(TreesParameters):
    """``[parameters]`` of ``xgboost``, under the names of its scikit-learn interface.

    The names that all families share are XGBoost's.
    """

    RESERVED: ClassVar[frozenset[str]] = frozenset(
        # Aliases of keys of [parameters]: XGBoost would use the last one.
        {"eta", "lambda"}
        | {"booster", "device", "max_bin", "num_class", "process_type", "tree_method"}
        | {"updater"}
    )

    max_leaves: Annotated[int, Field(ge=0)] = Field(
        default=0, description="0: as many as max_depth allows, 32 at depth 5"
    )
    min_child_weight: float = Field(
        default=20.0,
        ge=0.0,
        description="minimum rows of a leaf in a regression; LightGBM's default, raise "
        "it to hundreds on the full data",
    )
    reg_lambda: float = Field(
        default=1.0,
        ge=0.0,
        description="XGBoost's default; little against a leaf's rows",
    )
    subsample: Share = Field(
        default=1.0,
        description="share of the rows that a tree sees; all, since colsample_bytree "
        "already makes trees differ",
    )


def _booster(parameters: XgboostParameters, seed: int) -> dict[str, Any]:
    objective: dict[str, Any] = (
        {"objective": "multi:softprob", "num_class": len(CLASS_VALUES)}
        if parameters.objective == "classification"
        else {"objective": "reg:squarederror"}
    )
    table = parameters.model_dump(mode="json")
    for name in ("objective", "n_estimators", "also_targets", "extra"):
        del table[name]
    return {
        **table,
        **objective,
        "tree_method": "hist",
        "max_bin": XGBOOST_MAX_BIN,
        "seed": seed,
        "verbosity": 0,
        **parameters.extra,
    }


@cache
def load_xgboost() -> Any:
    """Import XGBoost and return the module, with its messages off."""
    import xgboost

    xgboost.set_config(verbosity=0)  # errors come as exceptions
    return xgboost


def read_xgboost(path: Path) -> Any:
    """Read a booster from its ``.ubj`` file.

    Raises:
        ValueError: if it is broken. XGBoost crashes on some truncated files, so the end
            of the file is checked first.
        OSError: if it cannot be read.
    """
    xgboost = load_xgboost()
    content = path.read_bytes()
    end = content[-_LAST_BYTES:]
    if not (content.startswith(b"{L") and _LAST_KEY in end and end.endswith(b"}")):
        raise ValueError("it is empty, cut or of another format")
    booster = xgboost.Booster({"verbosity": 0})
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    return booster


def _load(path: Path) -> Predictor:
    try:
        booster = read_xgboost(path)
    except ValueError as error:
        raise DataError(
            f"{path} is not an XGBoost model ({error}). {retrain(path)}"
        ) from error
    return on_gpu(path, "xgboost_ubj") or _XgboostPredictor(booster)


class _XgboostPredictor:
    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return expected_value(self._booster.inplace_predict(features)).astype(
            np.float32
        )


FAMILY = TreesFamily(
    name="xgboost",
    summary="gradient-boosted trees (XGBoost): data larger than memory is on disk",
    engine="xgboost",
    Parameters=XgboostParameters,
    booster=_booster,
    load_model=_load,
    trained_suffix=".ubj",
    presets=numerai_presets(large={}, deep={"min_child_weight": 10_000}),
)
