"""Ensembles: recipes whose model is a blend of other models' predictions.

An ensemble is made of runs that are there, not trained, so it is no ``Family``: it has
no untrained file, no engine and no training options.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from numerai_pipeline.core import (
    ConfigError,
    Frozen,
    commented_toml,
    parse_table,
    write_text,
)
from numerai_pipeline.models.recipe import RECIPE_FILE, Recipe
from numerai_pipeline.models.registry import ENSEMBLE
from numerai_pipeline.scoring import Weighting

ENSEMBLE_SUMMARY = "blend of other models' predictions: nai ensemble NAME MODEL MODEL"

# What a recipe of an ensemble may set; the rest of a recipe is about training.
_KEYS = ("family", "target", "shards", "parameters", "prediction")

_HEADER = """\
# An ensemble: edit it, then run `nai train`. It blends the members' production runs of
# that moment; `nai promote` lets the new blend predict.

"""


class EnsembleParameters(Frozen):
    """The ``[parameters]`` of an ensemble."""

    members: tuple[str, ...] = Field(
        description="models by name, each with its production run, or NAME@RUN"
    )
    weights: Weighting = Field(
        default="equal",
        description="equal; fitted to the members' out-of-sample scores; or shrunk: "
        "fitted, with the scores moved towards their mean by as much as they are noise",
    )
    missing_member: Literal["stop", "drop"] = Field(
        default="stop",
        description="of a live prediction that lacks a member; drop: the others get "
        "its weight, and the result says so",
    )

    @field_validator("members")
    @classmethod
    def _check_members(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        if len(members) < 2:
            found = ", ".join(members) or "none"
            raise ValueError(f"an ensemble needs two members or more, but has {found}")
        if len(set(members)) < len(members):
            raise ValueError(f"{', '.join(members)} names a member twice")
        return members


class _EnsembleRecipe(Frozen):
    """What is written of a new ensemble."""

    family: str = Field(description="made by `nai ensemble`")
    target: str = Field(
        default="target", description="the target that weights are learned by"
    )
    shards: str = Field(
        default="",
        description="the set of shards it is scored on; empty: [data] shards of "
        "numerai.toml",
    )
    parameters: EnsembleParameters


def is_ensemble(recipe: Recipe) -> bool:
    """Return whether a recipe is that of an ensemble."""
    return recipe.family == ENSEMBLE


def ensemble_parameters(recipe: Recipe) -> EnsembleParameters:
    """Check the recipe of an ensemble.

    Raises:
        ConfigError: if a key or value is wrong, or one is set that only what is
            trained has.
    """
    usual = Recipe(family=ENSEMBLE)
    foreign = [
        name
        for name in Recipe.model_fields
        if name not in _KEYS and getattr(recipe, name) != getattr(usual, name)
    ]
    if foreign:
        keys = [*recipe.training] if foreign == ["training"] else foreign
        raise ConfigError(
            f"an ensemble is not trained itself, so it has no {', '.join(keys)}. "
            "Train its members with other values, promote them, then run `nai train` "
            "of the ensemble."
        )
    return parse_table(
        EnsembleParameters, recipe.parameters, where=f"{RECIPE_FILE} [parameters]"
    )


def complete_ensemble(recipe: Recipe) -> Recipe:
    """Return the recipe of an ensemble with every key of its tables written out.

    Raises:
        ConfigError: as ``ensemble_parameters``.
    """
    parameters: dict[str, Any] = ensemble_parameters(recipe).model_dump(mode="json")
    return recipe.model_copy(update={"parameters": parameters})


def write_ensemble(recipe: Recipe, path: Path) -> None:
    """Write the recipe of an ensemble, with every key and its reason.

    Raises:
        ConfigError: as ``ensemble_parameters``.
    """
    written = _EnsembleRecipe(
        family=recipe.family,
        target=recipe.target,
        shards=recipe.shards,
        parameters=ensemble_parameters(recipe),
    )
    write_text(path, _HEADER + commented_toml(written))
