"""Writes the recipe and the untrained file of a new model."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import create_model

from numerai_pipeline.core import (
    ConfigError,
    Frozen,
    commented_toml,
    parse_table,
    write_text,
)
from numerai_pipeline.models.networks.parts import KerasParameters
from numerai_pipeline.models.networks.transform import parse_transform
from numerai_pipeline.models.neutralize import Prediction
from numerai_pipeline.models.protocol import Family
from numerai_pipeline.models.recipe import (
    RECIPE_FILE,
    CheckedRecipe,
    Recipe,
    check_recipe,
    parse_parameters,
    split_overrides,
)

_HEADER = """\
# The recipe of this model: edit it, then run `nai train`. The same recipe, data and
# seed make the same model; a changed one makes a new run beside the old ones.

"""


def new_model(
    model_dir: Path,
    kind: Family,
    *,
    feature_set: str,
    n_features: int,
    target: str,
    overrides: Mapping[str, Any] | None = None,
    preset: str | None = None,
    force: bool = False,
) -> CheckedRecipe:
    """Write a model's recipe, with every key and its reason, and its untrained file.

    Args:
        model_dir: the model's folder; created if missing.
        kind: its family.
        feature_set: features it sees, a set of ``features.json``.
        n_features: how many those are.
        target: target it learns, by name.
        overrides: values that differ from the defaults: ``units`` for a parameter,
            ``training.epochs`` for a training option, ``prediction.neutralize`` for
            what is done after the model.
        preset: name of a set of such values of the family; ``overrides`` take
            precedence.
        force: overwrite an existing model; its runs stay.

    Raises:
        ConfigError: if the model exists, or the preset or a key is unknown.
    """
    recipe_path = model_dir / RECIPE_FILE
    if recipe_path.exists() and not force:
        raise ConfigError(
            f"{recipe_path} exists. Edit it, or pass --force to overwrite it."
        )
    chosen = _preset(kind, preset)
    parameters, training, prediction = split_overrides({**chosen, **(overrides or {})})
    recipe = Recipe(
        family=kind.name,
        feature_set=feature_set,
        target=target,
        parameters=parameters,
        training=training,
        prediction=parse_table(
            Prediction, prediction, where=f"{RECIPE_FILE} [prediction]"
        ),
    )
    if _fills_missing(parse_parameters(kind, parameters)):
        recipe = recipe.model_copy(update={"missing": math.nan})
    checked = check_recipe(recipe, kind)
    checked.family.write_untrained(
        checked.parameters,
        n_features=n_features,
        seed=checked.recipe.seed,
        path=model_dir / checked.family.untrained_file,
    )
    # The recipe is written last: with it the model exists.
    write_text(recipe_path, _HEADER + commented_toml(_typed(checked)))
    return checked


def _fills_missing(parameters: Frozen) -> bool:
    """Return whether the network itself fills missing features, so must see NaN."""
    if not isinstance(parameters, KerasParameters):
        return False
    return parse_transform(parameters.transform).takes_missing


def _preset(kind: Family, name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    if name not in kind.presets:
        known = ", ".join(kind.presets) or "none"
        raise ConfigError(
            f"'{kind.name}' has no preset '{name}'. Its presets: {known}."
        )
    return kind.presets[name]


def _typed(checked: CheckedRecipe) -> Recipe:
    """Return the recipe with its tables as models, whose keys carry their reasons."""
    fields: dict[str, Any] = {
        "parameters": (type(checked.parameters), ...),
        "training": (type(checked.training), ...),
    }
    kind: type[Recipe] = create_model("TypedRecipe", __base__=Recipe, **fields)
    return kind.model_validate(
        {
            **checked.recipe.model_dump(exclude={"parameters", "training"}),
            "parameters": checked.parameters,
            "training": checked.training,
            "prediction": checked.recipe.prediction,
        }
    )
