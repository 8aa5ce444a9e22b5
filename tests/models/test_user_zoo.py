from textwrap import dedent

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, Recipe
from numerai_pipeline.models import (
    check_recipe,
    families,
    family,
    load_user_families,
    new_model,
    read_user_family,
)

FAMILY_TEXT = """
from numerai_pipeline.models import (
    KerasFamily, KerasParameters, Positive, load_keras, network_input, target_head,
)

class Parameters(KerasParameters):
    units: Positive = 3

def build(parameters, n_features):
    inputs, x = network_input(parameters, n_features)
    x = load_keras().layers.Dense(parameters.units, name="mine")(x)
    return load_keras().Model(inputs, target_head(x, parameters))

FAMILY = KerasFamily("NAME", "one of mine", Parameters, build)
"""


@pytest.fixture
def zoo(tmp_path):
    """A function that writes a file of the zoo; no family of it stays known."""

    def write(file, text):
        path = tmp_path / "zoo" / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return path

    yield write
    load_user_families(tmp_path / "nowhere")


def test_a_family_of_the_workspace_is_found_like_ours(zoo, tmp_path):
    zoo("b.py", FAMILY_TEXT.replace("NAME", "mine"))
    zoo("a.py", FAMILY_TEXT.replace("NAME", "other"))
    zoo("_parts.py", "this is passed over")
    found = load_user_families(tmp_path / "zoo")
    assert [kind.name for kind in found] == ["other", "mine"]
    assert families()[-2:] == found
    assert family("mine").source == (tmp_path / "zoo/b.py").read_text()

    made = {"feature_set": "small", "n_features": 4, "target": "target"}
    new_model(tmp_path / "m", "mine", overrides={"units": 7}, **made)
    predictor = family("mine").load(tmp_path / "m/untrained.keras")
    np.testing.assert_array_equal(predictor.predict(np.ones((2, 4), np.float32)), 0.5)

    load_user_families(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="there is no family 'mine'"):
        family("mine")


def test_a_file_is_run_once_as_long_as_it_is_the_same(zoo):
    path = zoo("a.py", FAMILY_TEXT)
    assert read_user_family(path) is read_user_family(path)
    old = read_user_family(path)
    zoo("a.py", FAMILY_TEXT.replace("= 3", "= 5"))
    assert read_user_family(path).Parameters().units == 5
    assert old.Parameters().units == 3


def test_an_edited_family_makes_its_untrained_models_anew(zoo, tmp_path):
    existing = tmp_path / "m/untrained.keras"
    made = {"feature_set": "small", "n_features": 4, "target": "target"}

    def takes_existing():
        checked = check_recipe(Recipe(family="NAME"))
        into = tmp_path / "into.keras"
        return checked.write_untrained(existing, n_features=4, into=into)

    zoo("a.py", FAMILY_TEXT)
    load_user_families(tmp_path / "zoo")
    new_model(tmp_path / "m", "NAME", **made)
    assert takes_existing()
    zoo("a.py", FAMILY_TEXT.replace('"mine"', '"edited"'))
    load_user_families(tmp_path / "zoo")
    assert not takes_existing()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys; sys.exit(3)", "cannot be run: SystemExit: 3 (line 1)."),
        ("def build(:", "cannot be run: SyntaxError: invalid syntax (a.py, line 1)."),
        ("x = 1\ny = x / 0", "cannot be run: ZeroDivisionError: division by zero "),
        ("x = 1\ny = x / 0", "(line 2)."),
        ("import nothing_here", "ModuleNotFoundError: No module named 'nothing_here'"),
        (
            "",
            "must define FAMILY = KerasFamily(...), but it is missing. See docs/zoo",
        ),
        ("FAMILY = 'mine'", "must define FAMILY = KerasFamily(...), but it is a str."),
        (
            """
            from numerai_pipeline.core import Frozen
            from numerai_pipeline.models import KerasFamily
            FAMILY = KerasFamily("mine", "", Frozen, lambda *_: None)
            """,
            "the Parameters of 'mine' must be a subclass of KerasParameters, but they "
            "are a Frozen.",
        ),
        (
            FAMILY_TEXT.replace("NAME", "mlp"),
            "there is a family 'mlp' already. Give this one another name.",
        ),
    ],
)
def test_a_file_that_is_no_family_is_told(zoo, tmp_path, text, sentence):
    zoo("a.py", text)
    with pytest.raises(ConfigError) as caught:
        load_user_families(tmp_path / "zoo")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "zoo/a.py"))


def test_two_files_with_one_name_are_told(zoo, tmp_path):
    zoo("a.py", FAMILY_TEXT)
    zoo("b.py", FAMILY_TEXT)
    with pytest.raises(ConfigError, match=r"b\.py: there is a family 'NAME' already"):
        load_user_families(tmp_path / "zoo")


def test_a_build_that_fails_is_told(zoo, tmp_path):
    zoo(
        "a.py", FAMILY_TEXT.replace("NAME", "mine").replace("units, name", "unit, name")
    )
    load_user_families(tmp_path / "zoo")
    sentence = (
        r"build of the family 'mine' in zoo/ fails with AttributeError: 'Parameters' "
        r"object has no attribute 'unit'\. Fix its file\."
    )
    with pytest.raises(ConfigError, match=sentence):
        new_model(
            tmp_path / "m", "mine", feature_set="small", n_features=4, target="target"
        )
    assert not (tmp_path / "m/model.toml").exists()
