import json
import math
import tomllib

import pytest

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    commented_toml,
    digest_of,
    write_toml,
)
from numerai_pipeline.models import (
    Recipe,
    check_recipe,
    families,
    family,
    load_recipe,
    new_model,
    override,
)


def make(folder, name="lightgbm", **kwargs):
    arguments = {"feature_set": "small", "n_features": 4, "target": "target"}
    return new_model(folder, family(name), **{**arguments, **kwargs})


@pytest.mark.parametrize("name", [kind.name for kind in families()])
def test_a_new_recipe_reads_back_with_every_key_written_out(tmp_path, name):
    checked = make(tmp_path / "m", name, target="target_victor_60")
    recipe = load_recipe(tmp_path / "m/model.toml")
    assert recipe.family == name
    assert recipe.feature_set == "small"
    assert recipe.target == "target_victor_60"
    assert recipe.parameters.keys() == checked.family.Parameters.model_fields.keys()
    assert recipe.training.keys() == checked.family.Training.model_fields.keys()
    assert check_recipe(recipe).complete() == checked.complete()
    assert (tmp_path / "m" / checked.family.untrained_file).is_file()


def test_every_key_of_a_new_recipe_says_why(tmp_path):
    make(tmp_path / "m")
    text = (tmp_path / "m/model.toml").read_text()
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            assert " # " in line, f"{line!r} gives no reason"


def test_overrides_reach_their_tables(tmp_path):
    make(tmp_path / "m", overrides={"num_leaves": 7, "training.patience": 3})
    recipe = load_recipe(tmp_path / "m/model.toml")
    assert recipe.parameters["num_leaves"] == 7
    assert recipe.training["patience"] == 3


def test_without_prediction_a_recipe_is_what_it_was(tmp_path):
    make(tmp_path / "m")
    assert (
        "[prediction]\nneutralize = {} # such as"
        in (tmp_path / "m/model.toml").read_text()
    )
    recipe = load_recipe(tmp_path / "m/model.toml")
    assert "prediction" not in recipe.model_dump()
    assert recipe.for_training() == recipe
    assert str(recipe.prediction.neutralize) == ""


def test_a_neutralization_is_written_read_and_replaced(tmp_path):
    step = {"features": "small", "proportion": 0.5}
    make(tmp_path / "m", overrides={"prediction.neutralize": step})
    text = (tmp_path / "m/model.toml").read_text()
    assert 'neutralize = {features = ["small"], proportion = 0.5} #' in text
    recipe = load_recipe(tmp_path / "m/model.toml")
    found = recipe.prediction.neutralize
    assert (found.features, found.benchmarks) == (("small",), ())
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    other = override(recipe, {"prediction.neutralize": {"benchmarks": ["a", "b"]}})
    assert str(other.prediction.neutralize) == "neutralized to a + b, proportion 1"
    assert override(recipe, {"prediction.neutralize": {}}) == recipe.for_training()


def test_a_model_that_is_there_is_not_written_over(tmp_path):
    make(tmp_path / "m")
    with pytest.raises(ConfigError, match="Edit it, or pass --force"):
        make(tmp_path / "m")
    run = tmp_path / "m/runs/1/DONE"
    run.parent.mkdir(parents=True)
    run.touch()
    make(tmp_path / "m", overrides={"num_leaves": 7}, force=True)
    assert load_recipe(tmp_path / "m/model.toml").parameters["num_leaves"] == 7
    assert run.is_file()


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            {"num_leavs": 7},
            "model.toml [parameters] has no key 'num_leavs'. "
            "Did you mean 'num_leaves'?",
        ),
        (
            {"training.patiense": 7},
            "model.toml [training] has no key 'patiense'. Did you mean 'patience'?",
        ),
        (
            {"colsample_bytree": 2},
            "model.toml [parameters]: 'colsample_bytree' is 2, but input should be "
            "less than or equal to 1.",
        ),
        (
            {"training.monitor": "val_los"},
            "model.toml [training]: 'monitor' is 'val_los', but input should be "
            "'val_loss' or 'val_corr'.",
        ),
    ],
)
def test_a_wrong_key_or_value_is_told_and_nothing_is_written(
    tmp_path, overrides, sentence
):
    with pytest.raises(ConfigError) as caught:
        make(tmp_path / "m", overrides=overrides)
    assert str(caught.value) == sentence
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("seed", -1), ("seed", 2**31), ("seeds", 0), ("seeds", 10**9)]
)
def test_a_seed_that_cannot_be_used_is_refused(key, value):
    with pytest.raises(ConfigError, match=rf"'{key}' is {value}, but input should be"):
        override(Recipe(family="mlp"), {key: value})


def test_a_network_refuses_a_missing_value_that_is_no_number():
    with pytest.raises(ConfigError, match="'missing' is nan, which no network can"):
        check_recipe(Recipe(family="mlp", missing=float("nan")))
    assert check_recipe(Recipe(family="lightgbm", missing=float("nan")))


def network(transform, family="mlp", missing=2.0, **parameters):
    return check_recipe(
        Recipe(
            family=family,
            missing=missing,
            parameters={"transform": transform, **parameters},
        )
    )


@pytest.mark.parametrize("transform", ["NaN,2.0,_", "Mask", "NaN,0.5,-1|Slice,0,2"])
def test_a_network_that_fills_missing_features_must_see_them(tmp_path, transform):
    assert network(transform, missing=float("nan"))
    made = make(tmp_path / "m", "mlp", overrides={"transform": transform})
    recipe = load_recipe(tmp_path / "m/model.toml")
    assert math.isnan(recipe.missing)
    written, complete = (
        digest_of(one.model_dump(mode="json")) for one in (recipe, made.complete())
    )
    assert written == complete


def test_a_step_and_missing_may_say_the_same():
    assert network("NaN,2.0,_|Slice,0,2", missing=2.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"transform": "Mask"},
            "model.toml: 'missing' is 2.0, so the transform's first step, Mask, never "
            "finds missing features. Write missing = nan, or remove the step.",
        ),
        (
            {"transform": "NaN,0.5,_"},
            "model.toml: 'missing' is 2.0, so the transform's first step, NaN,f,t, "
            "never finds missing features. Write missing = nan, or remove the step.",
        ),
        (
            {"transform": "Slice,0,2", "missing": math.nan},
            "model.toml: 'missing' is nan, which no network can use. Write a "
            "number, such as missing = 2.0, or begin the transform with a step that "
            "fills missing features: NaN,2.0,_ or Mask.",
        ),
        (
            {"transform": "Slice,0"},
            "model.toml: transform step 'Slice,0' takes 2 arguments, Slice,from,to, "
            "but has 1.",
        ),
        (
            {"transform": "Sparse,5,_"},
            "model.toml: transform step 'Sparse,5,_' makes classes of the target, but "
            "'mlp' learns its value. Remove the step, or choose a family that learns "
            "classes, such as classifier.",
        ),
        (
            {"transform": "Sparse,3,_", "family": "classifier"},
            "model.toml: transform step 'Sparse,3,_' expects 3 classes, but targets "
            "have 5. Write Sparse,5,_.",
        ),
        (
            {"transform": "", "also_targets": ["target_b", "target"]},
            "model.toml: 'target' is learned twice. Name it in 'target' or in "
            "'also_targets', once.",
        ),
    ],
)
def test_what_a_network_cannot_do_is_told(arguments, sentence):
    with pytest.raises(ConfigError) as caught:
        network(**arguments)
    assert str(caught.value) == sentence


def test_classes_may_be_asked_for_where_they_are_learned():
    assert network("NaN,0.5,-1|Sparse,5,_", "classifier", missing=math.nan)


def test_nothing_is_written_of_a_network_that_does_not_fit(tmp_path):
    with pytest.raises(ConfigError, match="expects 6 features"):
        make(tmp_path / "m", "mlp", overrides={"transform": "YX,2,3"})
    assert not (tmp_path / "m/model.toml").exists()


@pytest.mark.parametrize("name", ["mlp", "lightgbm", "xgboost", "catboost"])
def test_an_infinite_missing_value_is_refused(name):
    with pytest.raises(ConfigError, match="'missing' is -inf, which no family"):
        check_recipe(Recipe(family=name, missing=float("-inf")))


def start(recipe, existing, into, n_features=4):
    return check_recipe(recipe).write_untrained(
        existing, n_features=n_features, into=into
    )


def test_training_starts_from_the_file_as_long_as_the_recipe_is_the_same(tmp_path):
    make(tmp_path / "m")
    existing = tmp_path / "m/untrained.json"
    recipe = load_recipe(tmp_path / "m/model.toml")
    assert start(recipe, existing, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == existing.read_bytes()

    edited = recipe.model_copy(update={"parameters": {"num_leaves": 7}})
    assert not start(edited, existing, tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text())["booster"]["num_leaves"] == 7

    reseeded = recipe.model_copy(update={"seed": 5})
    assert not start(reseeded, existing, tmp_path / "c.json")
    assert not start(recipe, existing, tmp_path / "d.json", n_features=5)
    assert not start(recipe, tmp_path / "none.json", tmp_path / "e.json")


def test_an_untrained_model_made_by_hand_is_left_as_it_is(tmp_path):
    make(tmp_path / "m")
    existing = tmp_path / "m/untrained.json"
    untrained = json.loads(existing.read_text())
    del untrained["origin"]
    existing.write_text(json.dumps(untrained))
    edited = Recipe(family="lightgbm", parameters={"num_leaves": 7})
    assert start(edited, existing, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == existing.read_bytes()


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"n_features": 3}'])
def test_a_broken_untrained_file_is_named(tmp_path, broken):
    existing = tmp_path / "untrained.json"
    existing.write_bytes(broken)
    with pytest.raises(
        DataError, match=r"untrained\.json .* Delete it; the next `nai train`"
    ):
        start(Recipe(family="lightgbm"), existing, tmp_path / "a.json")


def test_a_recipe_needs_its_family(tmp_path):
    path = tmp_path / "mlp" / "model.toml"
    with pytest.raises(ConfigError, match="Run `nai new FAMILY mlp` first"):
        load_recipe(path)
    write_toml(path, {"target": "target_victor_20"})
    with pytest.raises(ConfigError, match=r"model\.toml lacks the key 'family'"):
        load_recipe(path)
    write_toml(path, {"family": "mlp", "parameters": {"units": [8]}})
    assert load_recipe(path).parameters == {"units": [8]}


def test_tables_of_a_recipe_are_written_with_reasons():
    text = commented_toml(Recipe(family="mlp"))
    assert tomllib.loads(text)["family"] == "mlp"
    assert "the middle bin" in text
