"""``sklearn``: an estimator of scikit-learn, or with its interface, by import path."""

import inspect
import math
import pickle
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from numerai_pipeline.core import ConfigError, Positive, did_you_mean
from numerai_pipeline.models.estimators.family import (
    EstimatorFamily,
    EstimatorParameters,
)
from numerai_pipeline.models.estimators.rows import Batch, Dtype, TrainingRows
from numerai_pipeline.models.protocol import CLASS_VALUES

# Steps between the five classes.
_N_STEPS = len(CLASS_VALUES) - 1

_FILE = "estimator.pickle"


def _finite(value: Any) -> Any:
    """Return options in which every number is finite: no others can be recorded."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _finite(one)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be an option. Write a finite number")
    return value


class SklearnParameters(EstimatorParameters):
    """``[parameters]`` of ``sklearn``."""

    estimator: str = Field(
        default="sklearn.linear_model.Ridge",
        description="import path of a class with fit and predict",
    )
    options: Annotated[dict[str, Any], AfterValidator(_finite)] = Field(
        default_factory=dict,
        description="the class's own parameters; seed is random_state",
    )
    dtype: Dtype = Field(
        default="float32",
        description="of the features; int8 takes a quarter of the memory, unless the "
        "class converts it",
    )
    fit_by: Literal["auto", "memory", "blocks"] = Field(
        default="auto",
        description="blocks: partial_fit on one batch after the other, evaluated after "
        "each epoch; memory: fit on all rows at once; auto: blocks if the class can",
    )
    epochs: Positive = Field(
        default=10, description="of blocks, maximum; early stopping may end before"
    )
    batch_rows: Positive = Field(default=4_096, description="rows per block")


class SklearnEstimator:
    """Fits the class that the parameters name.

    A class that learns classes learns the five of a target, 0 to 4; it predicts the
    expectation over them if it has ``predict_proba``, else the class.

    Args:
        parameters: the recipe's.
        seed: its ``random_state``, where it has that parameter.

    Raises:
        ConfigError: if it cannot be imported, or has no such parameters.
    """

    def __init__(self, parameters: SklearnParameters, seed: int) -> None:
        self._parameters = parameters
        self.wrapped = _made(parameters, seed)
        has_blocks = hasattr(self.wrapped, "partial_fit")
        if parameters.fit_by == "blocks" and not has_blocks:
            raise ConfigError(
                f"{parameters.estimator} has no partial_fit, so it cannot learn block "
                'by block. Set fit_by = "memory" in model.toml.'
            )
        self.resumes = has_blocks and parameters.fit_by != "memory"

    def fit(self, rows: TrainingRows) -> None:
        """Learn all rows at once, or block by block."""
        if not self.resumes:
            batch = rows.read(self._parameters.dtype)
            self.wrapped.fit(
                batch.x, self._labels(batch), **self._options("fit", batch)
            )
            return
        last = rows.n_steps or self._parameters.epochs
        for epoch in range(rows.done + 1, last + 1):
            for batch in rows.batches(
                self._parameters.batch_rows, epoch=epoch, dtype=self._parameters.dtype
            ):
                options = self._options("partial_fit", batch)
                self.wrapped.partial_fit(batch.x, self._labels(batch), **options)
            if not rows.evaluate(epoch):
                break

    def predict(self, features: npt.NDArray[np.float32]) -> Any:
        """Predict rows; see ``Predictor``."""
        if hasattr(self.wrapped, "predict_proba"):
            values = np.asarray(self.wrapped.classes_) / _N_STEPS
            return self.wrapped.predict_proba(features) @ values
        found = self.wrapped.predict(features)
        return found / _N_STEPS if self._learns_classes else found

    def save(self, folder: Path) -> None:
        """Write the fitted object alone, which needs none of this program."""
        with (folder / _FILE).open("wb") as file:
            pickle.dump(self.wrapped, file, pickle.HIGHEST_PROTOCOL)

    def load(self, folder: Path) -> None:
        """Read what ``save`` wrote; its signature was checked before."""
        with (folder / _FILE).open("rb") as file:
            self.wrapped = pickle.load(file)  # noqa: S301 - signed by the workspace

    @property
    def _learns_classes(self) -> bool:
        from sklearn.base import is_classifier

        return hasattr(self.wrapped, "predict_proba") or is_classifier(self.wrapped)

    def _labels(self, batch: Batch) -> npt.NDArray[Any]:
        if not self._learns_classes:
            return batch.y
        return np.rint(batch.y * _N_STEPS).astype(np.int64)

    def _options(self, method: str, batch: Batch) -> dict[str, Any]:
        """Return what a method takes beside features and labels."""
        taken = inspect.signature(getattr(self.wrapped, method)).parameters
        known: Mapping[str, Any] = {
            "sample_weight": batch.weights,
            "groups": batch.eras,
            "eras": batch.eras,
        }
        if batch.weights is not None and "sample_weight" not in taken:
            raise ConfigError(
                f"{method} of {self._parameters.estimator} takes no sample_weight. Set "
                'era_weights = "rows" in model.toml [training].'
            )
        options = {key: value for key, value in known.items() if key in taken}
        if method == "partial_fit" and self._learns_classes and "classes" in taken:
            options["classes"] = np.arange(_N_STEPS + 1)
        return options


def _made(parameters: SklearnParameters, seed: int) -> Any:
    kind = _imported(parameters.estimator)
    try:
        made = kind(**parameters.options)
    except TypeError as error:
        _check_options(kind, parameters)
        raise ConfigError(
            f"model.toml [parameters]: {parameters.estimator} cannot be made with "
            f"these options: {error}."
        ) from error
    known = made.get_params() if hasattr(made, "get_params") else {}
    if "random_state" in known and "random_state" not in parameters.options:
        made.set_params(random_state=seed)
    return made


def _imported(path: str) -> Any:
    """Return a class by its import path.

    Raises:
        ConfigError: if there is none, or it cannot learn and predict.
    """
    where = f"model.toml [parameters]: estimator = '{path}'"
    module_name, _, name = path.rpartition(".")
    try:
        module = import_module(module_name)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{where} cannot be imported ({error}). Install its package, or write a "
            "path such as sklearn.linear_model.Ridge."
        ) from error
    kind = getattr(module, name, None)
    if kind is None:
        hint = did_you_mean(name, [each for each in dir(module) if each[0] != "_"])
        raise ConfigError(f"{where}: {module_name} has no '{name}'. {hint}")
    is_class = isinstance(kind, type)
    lacking = [each for each in ("fit", "predict") if not hasattr(kind, each)]
    if not is_class or lacking:
        reason = f"has no {' and no '.join(lacking)}" if is_class else "is not a class"
        raise ConfigError(f"{where} {reason}. Name a class with fit and predict.")
    return kind


def _check_options(kind: Any, parameters: SklearnParameters) -> None:
    known = [name for name in inspect.signature(kind).parameters if name != "self"]
    for name in parameters.options:
        if name not in known:
            raise ConfigError(
                f"model.toml [parameters]: {parameters.estimator} has no option "
                f"'{name}'. {did_you_mean(name, known)}"
            )


FAMILY = EstimatorFamily(
    name="sklearn",
    summary="an estimator of scikit-learn, by its import path",
    Parameters=SklearnParameters,
    make=cast(Any, SklearnEstimator),
    presets={
        "ridge": {"options": {"alpha": 1.0}},
        "sgd": {
            "estimator": "sklearn.linear_model.SGDRegressor",
            "options": {"eta0": 0.0001, "learning_rate": "constant"},
        },
    },
)
