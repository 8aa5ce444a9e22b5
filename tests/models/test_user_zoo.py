from textwrap import dedent

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import (
    Recipe,
    check_recipe,
    family,
    load_user_families,
    new_model,
    read_user_family,
    run_user_family,
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


MADE = {"feature_set": "small", "n_features": 4, "target": "target"}


@pytest.fixture
def zoo(tmp_path):
    """A function that writes a file of the zoo and returns the families there."""

    def write(file, text):
        path = tmp_path / "zoo" / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return load_user_families(path.parent)

    return write


def test_a_family_of_the_workspace_is_found_like_a_built_in_one(zoo, tmp_path):
    zoo("b.py", FAMILY_TEXT.replace("NAME", "mine"))
    zoo("a.py", FAMILY_TEXT.replace("NAME", "other"))
    own = zoo("_parts.py", "this is passed over")
    assert [kind.name for kind in own.found] == ["other", "mine"]
    assert own.broken == ()
    kind = own.family("mine")
    assert kind.source == (tmp_path / "zoo/b.py").read_text()
    assert own.family("mlp") is family("mlp")

    new_model(tmp_path / "m", kind, overrides={"units": 7}, **MADE)
    predictor = kind.load(tmp_path / "m/untrained.keras")
    np.testing.assert_array_equal(predictor.predict(np.ones((2, 4), np.float32)), 0.5)

    with pytest.raises(ConfigError, match="there is no family 'mine'"):
        load_user_families(tmp_path / "nowhere").family("mine")


def test_a_file_is_run_once_as_long_as_it_is_the_same(zoo, tmp_path):
    zoo("a.py", FAMILY_TEXT)
    path = tmp_path / "zoo" / "a.py"
    assert read_user_family(path) is read_user_family(path)
    old = read_user_family(path)
    zoo("a.py", FAMILY_TEXT.replace("= 3", "= 5"))
    assert read_user_family(path).Parameters().units == 5
    assert old.Parameters().units == 3


def test_an_edited_family_rebuilds_its_untrained_models(zoo, tmp_path):
    existing = tmp_path / "m/untrained.keras"

    def takes_existing(kind):
        checked = check_recipe(Recipe(family="NAME"), kind)
        into = tmp_path / "into.keras"
        return checked.write_untrained(existing, n_features=4, into=into)

    kind = zoo("a.py", FAMILY_TEXT).family("NAME")
    new_model(tmp_path / "m", kind, **MADE)
    assert takes_existing(kind)
    edited = FAMILY_TEXT.replace('"mine"', '"edited"')
    assert not takes_existing(zoo("a.py", edited).family("NAME"))


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
            "must define FAMILY = KerasFamily(...) or EstimatorFamily(...), but it is "
            "missing. See docs/zoo",
        ),
        ("FAMILY = 'mine'", "or EstimatorFamily(...), but it is a str."),
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
            """
            from numerai_pipeline.models import EstimatorFamily, KerasParameters
            FAMILY = EstimatorFamily("mine", "", KerasParameters, lambda *_: None)
            """,
            "the Parameters of 'mine' must be a subclass of EstimatorParameters, but "
            "they are a KerasParameters.",
        ),
        (
            FAMILY_TEXT.replace("NAME", "mlp"),
            "there is a family 'mlp' already. Give this one another name.",
        ),
    ],
)
def test_a_file_without_a_family_is_named_and_stops_no_other(
    zoo, tmp_path, text, sentence
):
    zoo("b.py", FAMILY_TEXT.replace("NAME", "other"))
    own = zoo("a.py", text)
    assert [kind.name for kind in own.found] == ["other"]
    [error] = own.broken
    assert sentence in str(error)
    assert str(error).startswith(str(tmp_path / "zoo/a.py"))
    with pytest.raises(ConfigError) as caught:
        own.family("mine")
    assert sentence in str(caught.value)


def test_a_file_that_raises_no_exception_of_python_is_named(zoo):
    text = "class Odd(BaseException): pass\nraise Odd('odd')"
    [error] = zoo("a.py", text).broken
    assert "cannot be run: Odd: odd (line 2)." in str(error)


def test_an_endless_loop_is_named(tmp_path):
    text = "while True:\n    try:\n        pass\n    except Exception:\n        pass"
    with pytest.raises(ConfigError, match=r"a\.py ran longer than 0\.2 s"):
        run_user_family(text, tmp_path / "a.py", limit_seconds=0.2)


def test_the_second_of_two_files_with_one_name_is_left_out(zoo):
    zoo("a.py", FAMILY_TEXT)
    own = zoo("b.py", FAMILY_TEXT)
    assert [kind.name for kind in own.found] == ["NAME"]
    assert "b.py: there is a family 'NAME' already" in str(own.broken[0])


def test_a_build_that_fails_names_the_family(zoo, tmp_path):
    text = FAMILY_TEXT.replace("NAME", "mine").replace("units, name", "unit, name")
    kind = zoo("a.py", text).family("mine")
    sentence = (
        r"build of the family 'mine' in zoo/ fails with AttributeError: 'Parameters' "
        r"object has no attribute 'unit'\. Fix its file\."
    )
    with pytest.raises(ConfigError, match=sentence):
        new_model(tmp_path / "m", kind, **MADE)
    assert not (tmp_path / "m/model.toml").exists()
