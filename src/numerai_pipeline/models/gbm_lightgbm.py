"""``lightgbm``: gradient-boosted trees, the models to beat in this tournament."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import (
    DataError,
    Frozen,
    Positive,
    PositiveFloat,
    read_json,
    write_json,
)
from numerai_pipeline.models.protocol import Engine, Origin, Predictor, TrainingTable

# How LightGBM reads the data, always the same: a feature is five values of about
# equal share, so 5,000 sampled rows see them all (at 2,748 features the sample takes
# 0.2 GB; LightGBM's own 200,000 rows take 9), each gets a bin of its own whatever its
# size, and there is nothing sparse to bundle, which LightGBM would look for long.
DATASET_PARAMETERS: Mapping[str, Any] = {
    "max_bin": 7,
    "min_data_in_bin": 1,
    "bin_construct_sample_cnt": 5_000,
    "enable_bundle": False,
    "force_col_wise": True,
}

Share = Annotated[float, Field(gt=0.0, le=1.0)]


class LightgbmParameters(Frozen):
    """``[parameters]`` of ``lightgbm``, under LightGBM's own names."""

    n_estimators: Positive = Field(
        default=2_000, description="trees, at most; early stopping usually ends before"
    )
    learning_rate: PositiveFloat = Field(
        default=0.01, description="small steps; Numerai's own examples use it"
    )
    max_depth: Positive = Field(
        default=5, description="deep trees learn the noise of single eras"
    )
    num_leaves: Annotated[int, Field(ge=2)] = Field(
        default=31, description="one less than a full tree of depth 5 has"
    )
    colsample_bytree: Share = Field(
        default=0.1,
        description="share of the features a tree sees; features come in "
        "correlated groups, so each tree gets some of every group",
    )
    min_data_in_leaf: Positive = Field(
        default=20, description="LightGBM's; raise it to hundreds on the full data"
    )
    lambda_l2: float = Field(
        default=0.0, ge=0.0, description="shrinks leaves; small steps do it already"
    )


class LightgbmTraining(TrainingTable):
    """``[training]`` of ``lightgbm``; its history has a line a look, not a tree."""

    evaluate_every: Positive = Field(
        default=50,
        description="trees between two looks at the held-out eras; "
        "patience counts looks",
    )
    patience: Positive = Field(
        default=6, description="looks without improvement before training stops"
    )


@dataclass(frozen=True)
class LightgbmFamily:
    """The family; see ``Family``."""

    name: str = "lightgbm"
    summary: str = "gradient-boosted trees (LightGBM): small steps, shallow trees"
    engine: Engine = "lightgbm"
    Parameters: type[Frozen] = LightgbmParameters
    Training: type[TrainingTable] = LightgbmTraining
    untrained_file: str = "untrained.json"
    trained_suffix: str = ".txt"

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the booster's parameters as JSON; see ``Family``."""
        table = parameters.model_dump(mode="json")
        origin = Origin(self.name, n_features, seed, table)
        booster = {
            "objective": "regression",
            "metric": "l2",
            **{key: table[key] for key in table if key != "n_estimators"},
            **DATASET_PARAMETERS,
            # The same trees whatever the number of threads.
            "deterministic": True,
            "seed": seed,
            "verbosity": -1,
        }
        write_json(
            path,
            {
                "origin": origin.to_dict(),
                "n_features": n_features,
                "n_estimators": table["n_estimators"],
                "booster": booster,
            },
        )

    def origin_of(self, path: Path) -> Mapping[str, Any] | None:
        """Read what the parameters were made from; see ``Family``."""
        untrained = read_json(path)
        if not isinstance(untrained, dict) or "booster" not in untrained:
            raise DataError(
                f"{path} has no 'booster' with LightGBM's parameters. "
                "Delete it and make it again."
            )
        origin: Mapping[str, Any] | None = untrained.get("origin")
        return origin

    def load(self, path: Path) -> Predictor:
        """Load a trained booster from its text file; see ``Family``."""
        lightgbm = load_lightgbm()
        if not path.is_file():
            raise DataError(f"{path} does not exist. Train the model again.")
        text = path.read_text(encoding="utf-8", errors="replace")
        # LightGBM crashes on a text that ends early; this line stands at its end.
        if not text.startswith("tree\n") or "\npandas_categorical:" not in text:
            raise DataError(
                f"{path} is not a whole LightGBM model. Train the model again."
            )
        try:
            return _LightgbmPredictor(lightgbm.Booster(model_str=text))
        except lightgbm.basic.LightGBMError as error:
            raise DataError(
                f"{path} is not a LightGBM model ({error}). Train the model again."
            ) from error


@cache
def load_lightgbm() -> Any:
    """Import LightGBM and return the module, without its chatter.

    It prints to stdout, and ``verbosity`` does not reach the making of data sets,
    where it warns that the sample for the bins is small, which is on purpose.
    """
    import lightgbm

    logger = logging.getLogger("numerai_pipeline.lightgbm")
    logger.setLevel(logging.ERROR)  # errors come as exceptions too
    lightgbm.register_logger(logger)
    return lightgbm


class _LightgbmPredictor:
    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        predictions: npt.NDArray[np.float32] = self._booster.predict(features).astype(
            np.float32
        )
        return predictions


FAMILY = LightgbmFamily()
