"""``catboost``: gradient-boosted trees with one split per level."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from numerai_pipeline.core import ConfigError, DataError, Positive, atomic_path, retrain
from numerai_pipeline.models.protocol import Predictor
from numerai_pipeline.models.trees.family import (
    Share,
    TreesFamily,
    TreesParameters,
    expected_value,
    numerai_presets,
)

# A file is CatBoost's magic, the size of the model, the model, and a checksum. CatBoost
# ignores the checksum, but would crash on a changed byte, so it is verified first.
_MAGIC = b"CBM1"
_SIZE_BYTES = 4
_CHECKSUM = b"sha256:"
_CHECKSUM_BYTES = len(_CHECKSUM) + hashlib.sha256().digest_size


class CatboostParameters(TreesParameters):
    """``[parameters]`` of ``catboost``, with CatBoost's names besides the common ones.

    ``max_depth`` is its ``depth``, ``colsample_bytree`` its ``rsm``.
    """

    # A part of the model must not change the sums of earlier parts.
    RESERVED: ClassVar[frozenset[str]] = frozenset(
        {"boost_from_average", "loss_function", "model_shrink_mode"}
        | {"model_shrink_rate", "posterior_sampling", "task_type"}
    )

    max_depth: Annotated[int, Field(ge=1, le=16)] = Field(
        default=5,
        description="deep trees fit the noise of single eras; CatBoost allows 16",
    )
    colsample_bytree: Share = Field(
        default=0.1,
        description="share of the features that a split may choose from (CatBoost has "
        "no share per tree); features come in correlated groups",
    )
    interaction: tuple[tuple[str, ...], ...] = Field(
        default=(), description="CatBoost has no such constraints; keep it empty"
    )
    grow_policy: Literal["SymmetricTree", "Depthwise"] = Field(
        default="SymmetricTree",
        description="CatBoost's default: one split for all leaves of a level, fast and "
        "hard to overfit; Depthwise: one split per leaf",
    )
    min_data_in_leaf: Positive = Field(
        default=1, description="minimum rows of a leaf; only for Depthwise"
    )
    l2_leaf_reg: float = Field(
        default=3.0,
        ge=0.0,
        description="shrinks leaves; CatBoost's default, little against a leaf's rows",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.interaction:
            raise ValueError(
                "CatBoost has no interaction constraints. Delete 'interaction', or "
                "use the family lightgbm or xgboost"
            )
        if self.grow_policy == "SymmetricTree" and self.min_data_in_leaf > 1:
            raise ValueError(
                f"'min_data_in_leaf' is {self.min_data_in_leaf}, which CatBoost "
                'uses only with grow_policy = "Depthwise". Change one of the two'
            )
        if self.grow_policy == "Depthwise" and self.monotone:
            raise ValueError(
                "CatBoost has monotone constraints only in symmetric trees. Set "
                "grow_policy = \"SymmetricTree\", or delete 'monotone'"
            )
        return self


def _booster(parameters: CatboostParameters, seed: int) -> dict[str, Any]:
    is_classification = parameters.objective == "classification"
    return {
        "loss_function": "MultiClass" if is_classification else "RMSE",
        "learning_rate": parameters.learning_rate,
        "depth": parameters.max_depth,
        "rsm": parameters.colsample_bytree,
        "grow_policy": parameters.grow_policy,
        "min_data_in_leaf": parameters.min_data_in_leaf,
        "l2_leaf_reg": parameters.l2_leaf_reg,
        "monotone": parameters.monotone,
        "random_seed": seed,
        # Without these, trees would depend on where a part starts: CatBoost chooses by
        # the size of the data, shrinks the sums, and adds noise that decreases with the
        # number of trees in a part.
        "boosting_type": "Plain",
        "bootstrap_type": "No",
        "score_function": "L2",
        "random_strength": 0.0,
        "leaf_estimation_iterations": 1,
        **parameters.extra,
    }


@cache
def load_catboost() -> Any:
    """Import CatBoost and return the module.

    Raises:
        ConfigError: if it is not installed.
    """
    try:
        import catboost
    except ModuleNotFoundError as error:
        if error.name != "catboost":
            raise
        raise ConfigError(
            "the family catboost needs the package catboost. Run "
            "`pip install 'numerai-pipeline[catboost]'`."
        ) from None
    return catboost


def write_catboost(model: Any, path: Path) -> None:
    """Write a model and its checksum; CatBoost itself can read the file."""
    # Time and GUID would make files of the same model differ.
    metadata = model.get_metadata()
    for key in ("train_finish_time", "model_guid"):
        if key in metadata:
            del metadata[key]
    with atomic_path(path) as partial:
        model.save_model(str(partial), format="cbm")
        with partial.open("ab") as file:
            file.write(_CHECKSUM + hashlib.sha256(partial.read_bytes()).digest())


def read_catboost(path: Path) -> Any:
    """Read a model that ``write_catboost`` wrote, or CatBoost itself.

    Raises:
        DataError: if the file is missing, cut or changed.
    """
    catboost, remedy = load_catboost(), retrain(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist. {remedy}") from None
    size = int.from_bytes(content[len(_MAGIC) :][:_SIZE_BYTES], "little")
    end = len(_MAGIC) + _SIZE_BYTES + size
    checksum = content[end:]
    is_whole = content.startswith(_MAGIC) and (
        checksum == _CHECKSUM + hashlib.sha256(content[:end]).digest()
        or (not checksum and len(content) == end)
    )
    if not is_whole:
        raise DataError(
            f"{path} is not a whole CatBoost model ({len(content):,} bytes of "
            f"{end + _CHECKSUM_BYTES:,}, or changed ones). {remedy}"
        )
    try:
        return catboost.CatBoost().load_model(blob=content[:end])
    except catboost.CatBoostError as error:
        raise DataError(
            f"{path} is not a model that CatBoost reads ({error}). {remedy}"
        ) from error


def class_probabilities(
    raw: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return ``(rows, 5)`` probabilities of ``(rows, 5)`` sums of trees.

    >>> class_probabilities(np.array([[0.0, 0.0, 0.0, 0.0, 0.0]])).round(3)
    array([[0.2, 0.2, 0.2, 0.2, 0.2]])
    """
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _load(path: Path) -> Predictor:
    return _CatboostPredictor(read_catboost(path))


class _CatboostPredictor:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raw = self._model.predict(features, prediction_type="RawFormulaVal")
        values = raw if raw.ndim == 1 else class_probabilities(raw)
        return expected_value(values).astype(np.float32)


FAMILY = TreesFamily(
    name="catboost",
    summary="gradient-boosted symmetric trees (CatBoost): one split per level",
    engine="catboost",
    Parameters=CatboostParameters,
    booster=_booster,
    load_model=_load,
    trained_suffix=".cbm",
    # A symmetric tree has all leaves of its depth: 32, 64 and 1,024.
    presets=numerai_presets(
        large={}, deep={"grow_policy": "Depthwise", "min_data_in_leaf": 10_000}
    ),
)
