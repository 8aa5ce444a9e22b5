"""``ridge``: linear regression with a penalty, the baseline for every other model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    Frozen,
    TargetText,
    read_json,
    retrain,
    write_json,
)
from numerai_pipeline.models.protocol import (
    Engine,
    Predictor,
    TrainingTable,
    UntrainedSpec,
    load_models,
    read_untrained,
)

if TYPE_CHECKING:
    from numerai_pipeline.models.recipe import Recipe

Doubles = npt.NDArray[np.float64]
Penalty = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

# With p features that explain the share s of a target's variance the best penalty is
# near 2 p / s: about a million for 2,748 features and half a percent, however many rows
# there are. Steps of about three are as near to the best one as its estimate is.
_PENALTIES = tuple(
    float(digit * 10**power) for power in range(2, 8) for digit in (1, 3)
)

# Rows that are multiplied in float64 at once: 350 KB at full width stay in a core's own
# cache, and BLAS takes one thread for so few, so that no threads wait for each other.
_ROWS_AT_ONCE = 16

_VERSIONED = ("numerai-pipeline", "numpy", "scipy")


class RidgeParameters(Frozen):
    """The ``[parameters]`` of ``ridge``."""

    penalties: tuple[Penalty, ...] = Field(
        default=(*_PENALTIES, 1e8),
        min_length=1,
        description="penalties to choose from, scikit-learn's alpha: a factor of the "
        "sum of squared coefficients, beside the sum of squared errors; one more costs "
        "next to nothing",
    )
    also_targets: tuple[TargetText, ...] = Field(
        default=(),
        description="further targets, with coefficients of their own and the same "
        "penalty; the prediction is the mean of their ranks within the era",
    )

    @field_validator("penalties")
    @classmethod
    def _ascending(cls, penalties: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(penalties)))


class RidgeTraining(TrainingTable):
    """``[training]`` of ``ridge``; a line of the history is a penalty."""

    monitor: Literal["val_loss", "val_corr"] = Field(
        default="val_loss",
        description="the best penalty has the lowest val_loss, or the highest val_corr "
        "(mean CORR per validation era), which is noisier",
    )
    patience: int = Field(
        default=5, ge=1, description="without effect: every penalty is evaluated"
    )
    threshold: float = Field(
        default=0.0, ge=0.0, description="without effect, as is the patience"
    )
    era_weights: Literal["rows", "eras"] = Field(
        default="rows", description="eras: all eras have the same weight"
    )


@dataclass(frozen=True, eq=False)
class RidgeModel:
    """A trained model: for each target one coefficient per feature and an intercept.

    Attributes:
        penalty: that it was trained with.
        targets: T names.
        features: F names, in the order of the columns.
        coefficients: ``(F, T)`` float64.
        intercepts: ``(T,)`` float64.
    """

    penalty: float
    targets: tuple[str, ...]
    features: tuple[str, ...]
    coefficients: Doubles
    intercepts: Doubles

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predict; see ``Predictor``."""
        exact = predict_linear(features, self.coefficients) + self.intercepts
        found = exact.astype(np.float32)
        return found[:, 0] if len(self.targets) == 1 else found

    def save(self, path: Path) -> None:
        """Write it as JSON, with all digits of its numbers."""
        of_targets = {
            target: {
                "intercept": float(self.intercepts[at]),
                "coefficients": self.coefficients[:, at].tolist(),
            }
            for at, target in enumerate(self.targets)
        }
        write_json(
            path,
            {
                "model": "ridge",
                "versions": {name: version(name) for name in _VERSIONED},
                "penalty": self.penalty,
                "features": list(self.features),
                "targets": of_targets,
            },
        )

    @classmethod
    def load(cls, path: Path) -> "RidgeModel":
        """Read one that ``save`` wrote.

        Raises:
            DataError: if the file is broken.
        """
        found = read_json(path, remedy=retrain(path))
        try:
            of_targets, features = found["targets"], tuple(found["features"])
            columns = [of_targets[name]["coefficients"] for name in of_targets]
            return cls(
                penalty=float(found["penalty"]),
                targets=tuple(of_targets),
                features=features,
                coefficients=np.array(columns, np.float64).reshape(-1, len(features)).T,
                intercepts=np.array(
                    [of_targets[name]["intercept"] for name in of_targets], np.float64
                ),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path} is not a model of 'ridge' ({error}). {retrain(path)}"
            ) from error


def predict_linear(features: npt.NDArray[np.float32], coefficients: Doubles) -> Doubles:
    """Multiply features with coefficients in float64, some rows at a time.

    Coefficients of features that resemble each other can be large and cancel, which
    float32 does not survive.

    Args:
        features: ``(rows, F)`` float32.
        coefficients: ``(F, n)`` float64.

    Returns:
        ``(rows, n)`` float64.
    """
    found = np.empty((len(features), coefficients.shape[1]))
    for rows, block in in_doubles(features):
        np.matmul(block, coefficients, out=found[rows])
    return found


def in_doubles(
    features: npt.NDArray[np.float32],
) -> Iterator[tuple[slice, Doubles]]:
    """Yield ``(rows, F)`` features as float64, a few rows at a time, and which rows."""
    for start in range(0, len(features), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        yield rows, features[rows].astype(np.float64)


@dataclass(frozen=True)
class RidgeFamily:
    """The family; see ``Family``."""

    name: str = "ridge"
    summary: str = "linear regression on all features, exact; the baseline to beat"
    engine: Engine = "ridge"
    Parameters: type[RidgeParameters] = RidgeParameters
    Training: type[RidgeTraining] = RidgeTraining
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    untrained_file: str = "untrained.json"
    trained_suffix: str = ".json"
    source: str = ""
    learns_jointly: ClassVar[bool] = True

    def learns_classes(self, _parameters: Frozen) -> bool:
        """Return False: it learns values."""
        return False

    def check(self, recipe: "Recipe", _parameters: Frozen) -> None:
        """Refuse what makes no sense for an exact solution; see ``Family``.

        Raises:
            ConfigError: if missing features stay missing, or there are several seeds.
        """
        if recipe.seeds > 1:
            raise ConfigError(
                f"seeds = {recipe.seeds}, but 'ridge' is exact: every seed makes the "
                "same model. Write seeds = 1."
            )
        if np.isnan(recipe.missing):
            raise ConfigError(
                "missing = nan, but 'ridge' multiplies every feature with a "
                "coefficient and needs a number. Write missing = 2.0, the middle bin."
            )

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the penalties as JSON; see ``Family``."""
        spec = UntrainedSpec.of(self, parameters, n_features=n_features, seed=seed)
        write_json(
            path,
            {
                "origin": spec.to_dict(),
                "n_features": n_features,
                "penalties": spec.parameters["penalties"],
            },
        )

    def spec_of(self, path: Path) -> Mapping[str, Any] | None:
        """Return the spec of the penalties; see ``Family``."""
        return read_untrained(path, "penalties").get("origin")

    def load(self, path: Path) -> Predictor:
        """Load a trained model from its file; see ``Family``."""
        return load_models(path, RidgeModel.load)


FAMILY = RidgeFamily()
