"""What a recipe holds, and its check against its family."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from numerai_pipeline.core import (
    ConfigError,
    Frozen,
    TargetText,
    atomic_path,
    parse_table,
    parse_target,
    read_toml,
)
from numerai_pipeline.data import eras_subset
from numerai_pipeline.models.neutralize import Prediction
from numerai_pipeline.models.protocol import Family, TrainingTable, UntrainedSpec
from numerai_pipeline.models.registry import family

RECIPE_FILE = "model.toml"

# NumPy takes no negative seed, and LightGBM none of more than 31 bits.
SEED_END = 2**31


class Recipe(Frozen):
    """``model.toml``: everything that makes a model, apart from the data.

    ``parameters`` and ``training`` belong to the family, which checks them.
    """

    family: str = Field(description="the model family; `nai zoo` lists them")
    feature_set: str = Field(
        default="all", description="features it sees: a set of features.json"
    )
    target: TargetText = Field(
        default="target",
        description="the target it learns: a name, a mean or a weighted sum of some, "
        "also neutral to features or a benchmark; see docs/training.md",
    )
    shards: str = Field(
        default="",
        description="the set of shards it learns from; empty: [data] shards of "
        "numerai.toml",
    )
    eras: str = Field(
        default="",
        description="training eras it learns from: even, odd, every:4 or ranges such "
        "as 1-120,300-; empty: all",
    )
    missing: float = Field(
        default=2.0,
        allow_inf_nan=True,  # trees know what to do with NaN
        description="value of a missing feature; 2 is the middle bin, "
        "which Numerai itself uses",
    )
    seed: int = Field(
        default=1, ge=0, lt=SEED_END, description="makes a run repeatable"
    )
    seeds: int = Field(
        default=1,
        ge=1,
        le=1_000,  # each takes a training; far fewer are as good as all
        description="models of as many seeds, seed, seed + 1 and so on, in one run; "
        "the prediction is the mean of their ranks within the era",
    )
    parameters: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    prediction: Prediction = Field(
        default=Prediction(), exclude_if=lambda table: table.is_empty
    )

    def for_training(self) -> "Recipe":
        """Return it without what is done after the model: what decides the training."""
        return self.model_copy(update={"prediction": Prediction()})


def load_recipe(path: Path) -> Recipe:
    """Read a ``model.toml``; its family's own tables are checked by the family.

    Raises:
        ConfigError: if the file is missing or not TOML, or a key or value is unknown.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path} does not exist. Run `nai new FAMILY {path.parent.name}` first."
        )
    return parse_table(Recipe, read_toml(path), where=path.name)


@dataclass(frozen=True)
class CheckedRecipe:
    """A recipe whose family is known and whose tables are checked by it.

    Attributes:
        recipe: as it was written.
        family: the family that it names.
        parameters: ``[parameters]`` with all defaults, a ``family.Parameters``.
        training: ``[training]`` with all defaults, a ``family.Training``.
    """

    recipe: Recipe
    family: Family
    parameters: Frozen
    training: TrainingTable

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that are learned, the recipe's own first."""
        others = getattr(self.parameters, "also_targets", ())
        return tuple(dict.fromkeys((self.recipe.target, *others)))

    def complete(self) -> Recipe:
        """Return the recipe with every key of its tables written out."""
        return self.recipe.model_copy(
            update={
                "parameters": self.parameters.model_dump(mode="json"),
                "training": self.training.model_dump(mode="json"),
            }
        )

    def identity(self) -> dict[str, Any]:
        """Return what of the complete recipe decides a run, for its fingerprint.

        A single seed is left out: runs of before there were several are found.
        """
        table = self.complete().model_dump(mode="json")
        if self.recipe.seeds == 1:
            del table["seeds"]
        return table

    def seed(self, number: int) -> int:
        """Return one of its seeds, which are numbered from 1."""
        return (self.recipe.seed + number - 1) % SEED_END

    def untrained_file(self, number: int) -> str:
        """Return the name of the untrained model of a seed in a run folder."""
        name = self.family.untrained_file
        return name if number == 1 else f"seed-{number}-{name}"

    def write_untrained(
        self, existing: Path, *, n_features: int, into: Path, number: int = 1
    ) -> bool:
        """Write the model from which training starts.

        ``existing`` is copied if it was made from this recipe, or by hand. Otherwise
        the recipe was edited since, or the seed is another, and the model is built.

        Args:
            existing: the untrained model in the model's folder; may be missing.
            n_features: width of the data.
            into: where to write.
            number: of the seed, from 1.

        Returns:
            Whether ``existing`` was taken.

        Raises:
            DataError: if ``existing`` is broken.
        """
        spec = UntrainedSpec.of(
            self.family,
            self.parameters,
            n_features=n_features,
            seed=self.seed(number),
        )
        if existing.is_file():
            found = self.family.spec_of(existing)
            if found is None or spec.is_same(found):
                with atomic_path(into) as partial:
                    partial.write_bytes(existing.read_bytes())
                return True
        self.family.write_untrained(
            self.parameters, n_features=n_features, seed=self.seed(number), path=into
        )
        return False


def check_recipe(recipe: Recipe, kind: Family | None = None) -> CheckedRecipe:
    """Check a recipe's tables against its family.

    Args:
        recipe: as it was written.
        kind: its family, if it is not a built-in one.

    Raises:
        ConfigError: if the family is unknown, a key or value of its tables is wrong, or
            the family cannot do what they say together.
    """
    kind = kind or family(recipe.family)
    if abs(recipe.missing) > float(np.finfo(np.float32).max):
        raise ConfigError(
            f"{RECIPE_FILE}: 'missing' is {recipe.missing}, which no family can "
            "use. Write a number, such as missing = 2.0."
        )
    parameters = parse_parameters(kind, recipe.parameters)
    try:
        if recipe.eras:
            eras_subset(recipe.eras)
        kind.check(recipe, parameters)
    except ConfigError as error:
        raise ConfigError(f"{RECIPE_FILE}: {error}") from error
    checked = CheckedRecipe(
        recipe=recipe,
        family=kind,
        parameters=parameters,
        training=parse_table(
            kind.Training, recipe.training, where=f"{RECIPE_FILE} [training]"
        ),
    )
    _check_classes(checked)
    return checked


def _check_classes(checked: CheckedRecipe) -> None:
    """Check that what is learned as five classes has five values."""
    derived = [text for text in checked.targets if parse_target(text).is_derived]
    if derived and checked.family.learns_classes(checked.parameters):
        raise ConfigError(
            f"{RECIPE_FILE}: '{checked.family.name}' learns five classes here, but the "
            f"derived target '{derived[0]}' has more values than five. Name a target "
            "of features.json, or take a model that learns values."
        )


def override(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """Return a recipe with other values, which makes another run.

    Args:
        recipe: as it stands in the file.
        overrides: as ``new_model`` takes them, ``seed`` and ``seeds``.

    Raises:
        ConfigError: if a value of ``[prediction]`` is wrong.

    >>> recipe = Recipe(family="mlp", feature_set="all", parameters={"dropout": 0.5})
    >>> changed = override(recipe, {"seed": 7, "training.epochs": 3, "dropout": 0.1})
    >>> changed.seed, changed.training, changed.parameters
    (7, {'epochs': 3}, {'dropout': 0.1})
    """
    parameters, training, prediction = split_overrides(overrides)
    seeds: dict[str, Any] = {
        key: parameters.pop(key) for key in ("seed", "seeds") if key in parameters
    }
    return parse_table(
        Recipe,
        {
            **recipe.model_dump(),
            **seeds,
            "parameters": {**recipe.parameters, **parameters},
            "training": {**recipe.training, **training},
            "prediction": {**recipe.prediction.model_dump(), **prediction},
        },
        where=RECIPE_FILE,
    )


def parse_parameters(kind: Family, table: Mapping[str, Any]) -> Frozen:
    """Return a family's ``[parameters]`` with all defaults.

    Raises:
        ConfigError: if a key or value is wrong.
    """
    return parse_table(kind.Parameters, table, where=f"{RECIPE_FILE} [parameters]")


def split_overrides(
    overrides: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Separate ``training.KEY`` and ``prediction.KEY`` from the keys of parameters.

    >>> split_overrides({"dropout": 0.1, "training.epochs": 3})
    ({'dropout': 0.1}, {'epochs': 3}, {})
    """
    tables: dict[str, dict[str, Any]] = {"": {}, "training": {}, "prediction": {}}
    for key, value in overrides.items():
        table, _, name = key.partition(".")
        if name and table in tables:
            tables[table][name] = value
        else:
            tables[""][key] = value
    return tables[""], tables["training"], tables["prediction"]
