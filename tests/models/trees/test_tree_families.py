import json

import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import Recipe, check_recipe

EXTRA = {
    "lightgbm": {"bagging_fraction": 0.5, "bagging_freq": 1, "extra_trees": True},
    "xgboost": {"colsample_bynode": 0.5, "gamma": 0.1},
    "catboost": {"bootstrap_type": "Bayesian", "bagging_temperature": 1.5},
}


def recipe(family, extra):
    return Recipe(family=family, parameters={"extra": extra})


@pytest.mark.parametrize("family", EXTRA)
def test_further_parameters_reach_the_library(tmp_path, family):
    checked = check_recipe(recipe(family, EXTRA[family]))
    path = tmp_path / "untrained.json"
    checked.write_untrained(path, n_features=3, into=path)
    booster = json.loads(path.read_text())["booster"]
    assert booster | EXTRA[family] == booster
    assert "extra" not in booster


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("lightgbm", "max_bin"),
        ("lightgbm", "device_type"),
        ("xgboost", "eta"),
        ("xgboost", "booster"),
        ("catboost", "model_shrink_rate"),
    ],
)
def test_what_decides_data_and_checkpoints_cannot_be_changed(family, name):
    with pytest.raises(ConfigError, match=rf"'{name}' is set by this program"):
        check_recipe(recipe(family, {name: 1}))


@pytest.mark.parametrize("family", EXTRA)
def test_a_key_of_the_table_is_not_a_further_parameter(family):
    with pytest.raises(ConfigError, match=r"'max_depth' is a key of \[parameters\]"):
        check_recipe(recipe(family, {"max_depth": 3}))
