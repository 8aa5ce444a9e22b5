"""``xgboost``: gradient-boosted trees whose data may lie on disk while they grow."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import DataError
from numerai_pipeline.models.protocol import CLASS_VALUES, Predictor
from numerai_pipeline.models.trees.family import (
    Share,
    TreesFamily,
    TreesParameters,
    expected_value,
    numerai_presets,
)
from numerai_pipeline.models.trees.forest_inference import on_gpu

# A feature has five values, and a missing one may be a sixth: each gets its own bin.
XGBOOST_MAX_BIN = 8

# The last key of a model's file; what is cut has lost it.
_LAST_KEY = b"L\x00\x00\x00\x00\x00\x00\x00\x07version["
_LAST_BYTES = 64


class XgboostParameters(TreesParameters):
    """``[parameters]`` of ``xgboost``, under the names of its scikit-learn interface.

    The ones that all families have are XGBoost's names already.
    """

    RESERVED: ClassVar[frozenset[str]] = frozenset(
        # Other names of keys of [parameters], of which XGBoost would take the last.
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
        description="rows a leaf has at least, in a regression; as few as LightGBM's, "
        "raise it to hundreds on the full data",
    )
    reg_lambda: float = Field(
        default=1.0,
        ge=0.0,
        description="XGBoost's own; little beside the rows of a leaf",
    )
    subsample: Share = Field(
        default=1.0, description="share of the rows a tree sees; all: colsample does it"
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
    """Import XGBoost and return the module, without its chatter."""
    import xgboost

    xgboost.set_config(verbosity=0)  # errors come as exceptions
    return xgboost


def read_xgboost(path: Path) -> Any:
    """Read a booster from its ``.ubj`` file.

    Raises:
        ValueError: if it is broken. XGBoost ends the process over some files that are
            cut, so a whole one is known by its end before it sees it.
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
            f"{path} is not an XGBoost model ({error}). Train the model again."
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
    summary="gradient-boosted trees (XGBoost): data past the memory lies on disk",
    engine="xgboost",
    Parameters=XgboostParameters,
    booster=_booster,
    load_model=_load,
    trained_suffix=".ubj",
    presets=numerai_presets(large={}, deep={"min_child_weight": 10_000}),
)
