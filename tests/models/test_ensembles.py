import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import (
    ENSEMBLE,
    EnsembleParameters,
    Recipe,
    complete_ensemble,
    family,
    load_recipe,
    override,
    write_ensemble,
)

MEMBERS = {"members": ["a", "b@20261124T120000-1a2b3c4d"]}


def recipe_of(**fields):
    return Recipe(family=ENSEMBLE, **{"parameters": MEMBERS, **fields})


def test_what_is_written_is_read_again_with_the_reason_of_each_key(tmp_path):
    recipe = complete_ensemble(recipe_of(shards="small"))
    write_ensemble(recipe, tmp_path / "model.toml")
    assert load_recipe(tmp_path / "model.toml") == recipe
    assert recipe.parameters == {
        **MEMBERS,
        "weights": "equal",
        "missing_member": "stop",
    }
    text = (tmp_path / "model.toml").read_text()
    for field in EnsembleParameters.model_fields.values():
        assert f"# {field.description}" in text


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"members": ["a"]}, "needs two members or more, but has a"),
        ({"members": []}, "needs two members or more, but has none"),
        ({"members": ["a", "b", "a"]}, "a, b, a names a member twice"),
        ({**MEMBERS, "weights": "best"}, "'weights' is 'best'"),
        ({**MEMBERS, "missing_member": 1}, "'missing_member' is 1"),
        ({**MEMBERS, "weight": "equal"}, "Did you mean 'weights'"),
        ({}, "lacks the key 'members'"),
    ],
)
def test_wrong_parameters_are_named(parameters, problem):
    with pytest.raises(ConfigError, match=problem):
        complete_ensemble(recipe_of(parameters=parameters))


@pytest.mark.parametrize(
    ("overrides", "key"),
    [({"training.epochs": 3}, "no epochs"), ({"seed": 7}, "no seed")],
)
def test_options_of_trainings_are_refused(overrides, key):
    with pytest.raises(ConfigError, match=rf"{key}\. Train its members"):
        complete_ensemble(override(recipe_of(), overrides))
    weighted = override(recipe_of(), {"weights": "shrunk"})
    assert complete_ensemble(weighted).parameters["weights"] == "shrunk"


def test_it_is_no_family_that_can_be_trained():
    with pytest.raises(ConfigError, match="`nai ensemble NAME MODEL MODEL`"):
        family(ENSEMBLE)
