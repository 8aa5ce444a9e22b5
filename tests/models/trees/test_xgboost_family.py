import json

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, DataError, parse_table
from numerai_pipeline.models import family

CODES = np.random.default_rng(1).integers(0, 5, (400, 3)).astype(np.float32)


def train(tmp_path, target, **parameters):
    import xgboost

    kind = family("xgboost")
    untrained = tmp_path / "untrained.json"
    parameters = kind.Parameters(learning_rate=0.3, colsample_bytree=1.0, **parameters)
    kind.write_untrained(parameters, n_features=3, seed=7, path=untrained)
    booster = json.loads(untrained.read_text())["booster"]
    for name in ("monotone", "interaction"):
        del booster[name]
    data = xgboost.DMatrix(CODES, target)
    path = tmp_path / "best.ubj"
    xgboost.train(booster, data, num_boost_round=5).save_model(path)
    return path


@pytest.fixture
def trained(tmp_path):
    return train(tmp_path, CODES[:, 0] / 4)


def test_the_untrained_file_holds_all_that_the_booster_is_told(tmp_path):
    kind = family("xgboost")
    path = tmp_path / "untrained.json"
    parameters = kind.Parameters(n_estimators=9, min_child_weight=5.0)
    kind.write_untrained(parameters, n_features=3, seed=7, path=path)
    untrained = json.loads(path.read_text())
    assert untrained["n_estimators"] == 9
    assert untrained["n_features"] == 3
    booster = untrained["booster"]
    assert booster["objective"] == "reg:squarederror"
    assert booster["min_child_weight"] == 5
    assert booster["seed"] == 7
    assert booster["tree_method"] == "hist"
    # Six values at most, each with a bin of its own.
    assert booster["max_bin"] == 8
    assert kind.spec_of(path)["parameters"]["min_child_weight"] == 5


@pytest.mark.parametrize("name", ["quick", "hello", "large", "deep"])
def test_presets_are_those_of_lightgbm(name):
    ours, theirs = (family(kind).presets for kind in ("xgboost", "lightgbm"))
    common = {"n_estimators", "learning_rate", "max_depth", "training.evaluate_every"}
    assert list(ours) == list(theirs)
    assert {key: ours[name][key] for key in common & ours[name].keys()} == {
        key: theirs[name][key] for key in common & theirs[name].keys()
    }
    parameters = {
        key: value
        for key, value in ours[name].items()
        if not key.startswith("training.")
    }
    parse_table(family("xgboost").Parameters, parameters, where="preset")


def test_a_foreign_parameter_is_refused():
    with pytest.raises(ConfigError, match="num_leaves"):
        parse_table(family("xgboost").Parameters, {"num_leaves": 31}, where="here")


def test_a_booster_predicts_from_its_file(trained):
    predictions = family("xgboost").load(trained).predict(CODES)
    assert predictions.shape == (400,)
    assert predictions.dtype == np.float32
    assert np.corrcoef(predictions, CODES[:, 0])[0, 1] > 0.9


def test_nan_is_a_missing_feature(tmp_path):
    import xgboost

    path = train(tmp_path, CODES[:, 0] / 4)
    features = CODES.copy()
    features[::3, 0] = np.nan
    booster = xgboost.Booster(model_file=path)
    np.testing.assert_array_equal(
        family("xgboost").load(path).predict(features),
        booster.predict(xgboost.DMatrix(features)),
    )


def test_classes_become_their_expected_value(tmp_path):
    path = train(
        tmp_path, CODES[:, 0], objective="classification", min_child_weight=1.0
    )
    predictions = family("xgboost").load(path).predict(CODES)
    assert predictions.shape == (400,)
    assert predictions.min() >= 0
    assert predictions.max() <= 1
    assert np.corrcoef(predictions, CODES[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_booster_is_named(trained, share):
    whole = trained.read_bytes()
    trained.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"best\.ubj is not an XGBoost model"):
        family("xgboost").load(trained)


def test_a_foreign_booster_is_named(trained):
    whole = trained.read_bytes()
    trained.write_bytes(whole.replace(b"gbtree", b"forest"))
    with pytest.raises(DataError, match=r"best\.ubj is not an XGBoost model"):
        family("xgboost").load(trained)


def test_a_missing_booster_is_named(tmp_path):
    with pytest.raises(DataError, match=r"best\.ubj does not exist"):
        family("xgboost").load(tmp_path / "best.ubj")
