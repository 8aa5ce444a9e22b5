"""What all families of boosted trees share: training options, files, presets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from numerai_pipeline.core import (
    Frozen,
    Positive,
    PositiveFloat,
    TargetText,
    write_json,
)
from numerai_pipeline.models.protocol import (
    CLASS_VALUES,
    Engine,
    Predictor,
    TrainingTable,
    UntrainedSpec,
    load_models,
    read_untrained,
)

if TYPE_CHECKING:
    from numerai_pipeline.models.recipe import Recipe

Share = Annotated[float, Field(gt=0.0, le=1.0)]


class TreesParameters(Frozen):
    """The ``[parameters]`` that all families of trees share, under common names."""

    # The library's parameters that determine the data and the checkpoints.
    RESERVED: ClassVar[frozenset[str]] = frozenset()

    objective: Literal["regression", "classification"] = Field(
        default="regression",
        description="classification predicts five classes; the prediction is the "
        "mean of their values, weighted by their probabilities",
    )
    also_targets: tuple[TargetText, ...] = Field(
        default=(),
        description="further targets, with one model each; the prediction is the "
        "mean of the models' ranks within the era",
    )
    n_estimators: Positive = Field(
        default=2_000,
        description="maximum number of trees; early stopping usually ends before",
    )
    learning_rate: PositiveFloat = Field(
        default=0.01, description="small steps; Numerai's examples use it"
    )
    max_depth: Positive = Field(
        default=5, description="deep trees fit the noise of single eras"
    )
    colsample_bytree: Share = Field(
        default=0.1,
        description="share of the features that a tree sees; features come in "
        "correlated groups, so each tree sees some of every group",
    )
    monotone: dict[str, Literal[-1, 1]] = Field(
        default_factory=dict,
        description="features whose effect may only decrease (-1) or increase (1)",
    )
    interaction: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="lists of features that may share a branch; empty: no constraint",
    )
    extra: dict[str, bool | int | float | str] = Field(
        default_factory=dict,
        description="further parameters under the library's own names, such as those "
        "of bagging; unknown ones are refused",
    )

    @field_validator("extra")
    @classmethod
    def _check_extra(
        cls, extra: dict[str, bool | int | float | str]
    ) -> dict[str, bool | int | float | str]:
        for name in extra:
            if name in cls.model_fields:
                raise ValueError(f"'{name}' is a key of [parameters]. Set it there")
            if name in cls.RESERVED:
                raise ValueError(
                    f"'{name}' is set by this program and cannot be changed. Delete it"
                )
        return extra


class TreesTraining(TrainingTable):
    """``[training]`` of trees; a line of the history is an evaluation, not a tree."""

    evaluate_every: Positive = Field(
        default=50,
        description="trees between two evaluations on the validation eras; a kill "
        "loses at most this many; patience counts evaluations",
    )
    patience: Positive = Field(
        default=6, description="evaluations without improvement before training stops"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="auto: a GPU if the library can use one here"
    )
    era_weights: Literal["rows", "eras"] = Field(
        default="rows",
        description="eras: all eras have the same weight",
    )
    era_boost_share: Share = Field(
        default=1.0,
        description="era boosting, if below 1: after each evaluation the next trees "
        "learn only from this share of the eras, those with the lowest training CORR",
    )


@dataclass(frozen=True)
class TreesFamily:
    """A family of boosted trees.

    Attributes:
        name: its name in the recipe.
        summary: one line for ``nai zoo``.
        engine: the engine that trains it.
        Parameters: the table ``[parameters]``.
        booster: turns parameters and seed into the library's own parameters.
        load_model: loads a trained model.
        trained_suffix: suffix of the library's portable format.
        presets: name -> parameters and ``training.`` options that differ from the
            defaults.
    """

    name: str
    summary: str
    engine: Engine
    Parameters: type[TreesParameters]
    booster: Callable[[Any, int], dict[str, Any]]
    load_model: Callable[[Path], Predictor]
    trained_suffix: str
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    Training: type[TreesTraining] = TreesTraining
    untrained_file: str = "untrained.json"
    source: str = ""
    learns_jointly: ClassVar[bool] = False

    def learns_classes(self, parameters: Frozen) -> bool:
        """Return whether the objective is classification; see ``Family``."""
        return cast(TreesParameters, parameters).objective == "classification"

    def check(self, recipe: "Recipe", parameters: Frozen) -> None:
        """Take every recipe; see ``Family``."""

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the booster's parameters as JSON; see ``Family``."""
        spec = UntrainedSpec.of(self, parameters, n_features=n_features, seed=seed)
        write_json(
            path,
            {
                "origin": spec.to_dict(),
                "n_features": n_features,
                "n_estimators": spec.parameters["n_estimators"],
                "booster": self.booster(parameters, seed),
            },
        )

    def spec_of(self, path: Path) -> Mapping[str, Any] | None:
        """Return the spec of the parameters; see ``Family``."""
        return read_untrained(path, "booster").get("origin")

    def load(self, path: Path) -> Predictor:
        """Load a trained model from its file; see ``Family``."""
        return load_models(path, self.load_model)


def numerai_presets(
    *, large: Mapping[str, Any], deep: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the presets that every family of trees has.

    ``hello``, ``large`` and ``deep`` are sets that Numerai published, ``quick`` is for
    a first try.

    Args:
        large: what a library adds to ``large`` under its own names.
        deep: what it adds to ``deep``.
    """
    slow = {"learning_rate": 0.001, "training.evaluate_every": 500}
    return {
        "quick": {
            "n_estimators": 200,
            "learning_rate": 0.05,
            "training.evaluate_every": 20,
        },
        "hello": {},
        "large": {"n_estimators": 20_000, "max_depth": 6, **slow, **large},
        "deep": {"n_estimators": 30_000, "max_depth": 10, **slow, **deep},
    }


def expected_value(predictions: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return one value per row.

    Args:
        predictions: ``(rows,)`` values, which are returned, or ``(rows, 5)``
            probabilities of the classes.

    >>> expected_value(np.array([[0.5, 0, 0, 0, 0.5], [0, 0, 0, 1, 0]]))
    array([0.5 , 0.75])
    """
    if predictions.ndim == 1:
        return predictions.astype(np.float64)
    values: npt.NDArray[np.float64] = predictions @ CLASS_VALUES
    return values
