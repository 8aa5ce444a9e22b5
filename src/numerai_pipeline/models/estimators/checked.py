"""An estimator of any library, whose every answer is checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.models.estimators.rows import TrainingRows
from numerai_pipeline.models.user_code import running


@dataclass(frozen=True)
class CheckedEstimator:
    """An estimator; an error names the model and the class.

    Attributes:
        estimator: has ``fit(rows)`` and ``predict(features)``.
        who: the model, for errors.
        file: the user's file, for errors; empty for a built-in family.
    """

    estimator: Any
    who: str
    file: str = ""

    def __post_init__(self) -> None:
        """Check that it can learn and predict."""
        needed = ["fit", "predict"]
        if hasattr(self.estimator, "save"):
            needed.append("load")
        for name in needed:
            if not callable(getattr(self.estimator, name, None)):
                raise ConfigError(
                    f"{self.who}: {class_of(self.estimator)} has no method '{name}'. "
                    "An estimator needs fit(rows) and predict(features), and "
                    "load(folder) if it has save(folder); see docs/zoo.md."
                )

    def fit(self, rows: TrainingRows, own: list[BaseException]) -> None:
        """Let it learn.

        Args:
            rows: what from.
            own: errors that the rows themselves raise; see ``running``.

        Raises:
            ConfigError: if it raises anything.
        """
        with running(self._doing("fit"), self.file, own=own):
            self.estimator.fit(rows)

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predict rows; see ``Predictor``.

        Args:
            features: ``(rows, F)`` float32; the estimator gets a copy, which it may
                change and keep.

        Returns:
            ``(rows,)`` float32, finite; a column ``(rows, 1)`` is taken for that.

        Raises:
            ConfigError: if it raises, or returns anything but a number per row.
            DataError: if it predicts NaN or infinity.
        """
        n_rows, doing = len(features), self._doing("predict")
        with running(doing, self.file):
            found = np.asarray(self.estimator.predict(features.copy()))
        if found.shape == (n_rows, 1):
            found = found[:, 0]
        if found.shape != (n_rows,):
            raise ConfigError(
                f"{doing} returns {_shape(found)} for {n_rows:,} rows. "
                "Return one number per row."
            )
        if found.dtype.kind not in "fiub":
            raise ConfigError(
                f"{doing} returns values of the type {found.dtype}. Return numbers, "
                "such as float32."
            )
        with np.errstate(over="ignore"):  # found right below
            predictions = np.array(found, np.float32)
        n_broken = int((~np.isfinite(predictions)).sum())
        if n_broken:
            raise DataError(
                f"{doing} returns NaN or infinity for {n_broken:,} of {n_rows:,} rows. "
                "Check how it treats missing features ('missing' in model.toml) and "
                "whether its training diverged."
            )
        return predictions

    def _doing(self, method: str) -> str:
        return f"{self.who}: {method} of {class_of(self.estimator)}"


def class_of(estimator: Any) -> str:
    """Return the name of an estimator's class, or of the one that it wraps."""
    return type(getattr(estimator, "wrapped", estimator)).__qualname__


def _shape(array: npt.NDArray[Any]) -> str:
    if not array.ndim:
        return "a single value"
    return "an array of " + " x ".join(f"{length:,}" for length in array.shape)
