"""Prediction by RAPIDS nvForest, the successor of cuML's forest inference, on a GPU.

It reads the files of LightGBM and XGBoost and predicts a block of rows with thousands
of trees at once. It is used if the extra ``rapids`` is installed and there is an NVIDIA
GPU; otherwise the library that grew the trees predicts.
"""

import importlib.util
import shutil
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from numerai_pipeline.models.protocol import Predictor
from numerai_pipeline.models.trees.family import expected_value

# The names that nvForest gives to the formats.
Format = Literal["lightgbm", "xgboost_ubj"]


@cache
def can_infer_on_gpu() -> bool:
    """Return whether nvForest and an NVIDIA driver are installed."""
    is_installed = importlib.util.find_spec("nvforest") is not None
    return is_installed and shutil.which("nvidia-smi") is not None


class ForestPredictor:
    """A trained model behind nvForest; see ``Predictor``."""

    def __init__(self, path: Path, kind: Format, device: Literal["gpu", "cpu"]) -> None:
        import nvforest

        with warnings.catch_warnings():
            # Treelite warns that nvForest was built with another version of it.
            warnings.simplefilter("ignore")
            self._forest: Any = nvforest.load_model(
                path, model_type=kind, device=device, precision="double"
            )
        # Only classifiers have probabilities.
        is_classifier = hasattr(self._forest, "predict_proba")
        self._predict = (
            self._forest.predict_proba if is_classifier else self._forest.predict
        )

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predict one value per row; see ``Predictor``."""
        found = self._predict(np.ascontiguousarray(features))
        # On a GPU it is an array of CuPy.
        outputs = np.asarray(found.get() if hasattr(found, "get") else found)
        if outputs.ndim == 2 and outputs.shape[1] == 1:
            outputs = outputs[:, 0]
        return expected_value(outputs).astype(np.float32)


def on_gpu(path: Path, kind: Format) -> Predictor | None:
    """Return the model behind nvForest, if it can be used here."""
    return ForestPredictor(path, kind, "gpu") if can_infer_on_gpu() else None
