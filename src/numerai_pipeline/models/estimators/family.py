"""What all families of estimators share: training options, files, loading."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from numerai_pipeline.core import (
    Frozen,
    Positive,
    TargetText,
    write_json,
)
from numerai_pipeline.models.estimators.checked import CheckedEstimator
from numerai_pipeline.models.estimators.saving import (
    Origin,
    SavedEstimator,
    save_estimator,
)
from numerai_pipeline.models.protocol import (
    Engine,
    Predictor,
    TrainingTable,
    UntrainedSpec,
    load_models,
    read_untrained,
)
from numerai_pipeline.models.user_code import running

if TYPE_CHECKING:
    from numerai_pipeline.models.recipe import Recipe


class EstimatorParameters(Frozen):
    """The ``[parameters]`` that all families of estimators share."""

    also_targets: tuple[TargetText, ...] = Field(
        default=(),
        description="further targets, with one estimator each; the prediction is the "
        "mean of the estimators' ranks within the era",
    )


class EstimatorTraining(TrainingTable):
    """``[training]`` of estimators; a line of the history is an evaluation."""

    patience: Positive = Field(
        default=5, description="evaluations without improvement before training stops"
    )
    era_weights: Literal["rows", "eras"] = Field(
        default="rows", description="eras: all eras have the same weight"
    )


@dataclass(frozen=True)
class EstimatorFamily:
    """A family of estimators, of any library.

    Attributes:
        name: its name in the recipe.
        summary: one line for ``nai zoo``.
        Parameters: the table ``[parameters]``.
        make: a class, or a function, called with parameters and seed; gives an object
            with ``fit(rows)``, see ``TrainingRows``, and ``predict(features)``:
            ``(rows, F)`` float32 to ``(rows,)`` numbers of any scale. It is pickled,
            unless it has ``save(folder)`` and ``load(folder)``; a ``load`` that
            returns something returns the estimator. With an attribute ``resumes`` that
            is true, a killed training loads it as it was and calls ``fit`` again.
        Training: the table ``[training]``.
        presets: name -> parameters and ``training.`` options that differ from the
            defaults.
        source: text of the file of a user's own family; empty for a built-in one.
        module: name of the module that this file is.
        file: its path, for errors.
    """

    name: str
    summary: str
    Parameters: type[EstimatorParameters]
    make: Callable[[Any, int], Any]
    Training: type[EstimatorTraining] = EstimatorTraining
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = field(default="", repr=False)
    module: str = ""
    file: str = ""
    engine: Engine = "estimator"
    untrained_file: str = "untrained.json"
    trained_suffix: str = ".zip"
    learns_jointly: ClassVar[bool] = False

    def learns_classes(self, _parameters: Frozen) -> bool:
        """Return False: what an estimator is handed are values; see ``Family``."""
        return False

    def check(self, recipe: "Recipe", parameters: Frozen) -> None:
        """Take every recipe; see ``Family``."""

    def made(self, parameters: Frozen, seed: int, who: str) -> CheckedEstimator:
        """Make an estimator that has learned nothing.

        Args:
            parameters: an instance of ``Parameters``.
            seed: the recipe's.
            who: the model, for errors.

        Raises:
            ConfigError: if it cannot be made, or lacks a method.
        """
        with running(f"{who}: make of the family '{self.name}'", self.file):
            estimator = self.make(parameters, seed)
        return CheckedEstimator(estimator, who, self.file)

    def save(
        self, checked: CheckedEstimator, path: Path, parameters: Frozen, seed: int
    ) -> None:
        """Save an estimator that was made from parameters and seed.

        Raises:
            ConfigError: if it cannot be saved.
        """
        recipe = {"parameters": parameters.model_dump(mode="json"), "seed": seed}
        save_estimator(checked.estimator, path, self._origin(checked.who), recipe)

    def load_one(self, path: Path, who: str) -> CheckedEstimator:
        """Load one estimator, for prediction or for further training.

        Raises:
            ConfigError: if its own code fails.
            DataError: if the file is missing, broken, of another workspace or of
                another major version of a library.
        """
        saved = SavedEstimator.read(path)
        parameters = self.Parameters.model_validate(saved.recipe["parameters"])
        made = self.made(parameters, saved.recipe["seed"], who)
        estimator = saved.load(made.estimator, self._origin(who))
        return CheckedEstimator(estimator, who, self.file)

    def load(self, path: Path) -> Predictor:
        """Load a trained estimator; see ``Family``."""
        return load_models(path, lambda one: self.load_one(one, str(one)))

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write what an estimator will be made from, after making one; see ``Family``.

        Raises:
            ConfigError: if it cannot be made.
        """
        self.made(parameters, seed, f"family '{self.name}'")
        spec = UntrainedSpec.of(self, parameters, n_features=n_features, seed=seed)
        write_json(path, {"origin": spec.to_dict()})

    def spec_of(self, path: Path) -> Mapping[str, Any] | None:
        """Return the spec of the file; see ``Family``."""
        spec: Mapping[str, Any] = read_untrained(path, "origin")["origin"]
        return spec

    def _origin(self, who: str) -> Origin:
        return Origin(who, self.module, self.file, self.source)
