import json

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.models import family

CODES = np.random.default_rng(1).integers(0, 5, (400, 3)).astype(np.float32)


@pytest.fixture
def trained(tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    kind = family("lightgbm")
    untrained = tmp_path / "untrained.json"
    kind.write_untrained(kind.Parameters(), n_features=3, seed=7, path=untrained)
    parameters = json.loads(untrained.read_text())["booster"]
    data = lightgbm.Dataset(CODES, label=CODES[:, 0] / 4, params=parameters)
    path = tmp_path / "best.txt"
    lightgbm.train(parameters, data, num_boost_round=5).save_model(path)
    return path


def test_the_untrained_file_holds_all_that_the_booster_is_told(tmp_path):
    kind = family("lightgbm")
    path = tmp_path / "untrained.json"
    parameters = kind.Parameters(n_estimators=9, num_leaves=5)
    kind.write_untrained(parameters, n_features=3, seed=7, path=path)
    untrained = json.loads(path.read_text())
    assert untrained["n_estimators"] == 9
    assert untrained["n_features"] == 3
    booster = untrained["booster"]
    assert booster["num_leaves"] == 5
    assert booster["seed"] == 7
    # What keeps LightGBM's memory small on five values a feature.
    assert booster["enable_bundle"] is False
    assert booster["min_data_in_bin"] == 1
    assert booster["max_bin"] == 7
    assert booster["force_col_wise"] is True
    assert kind.spec_of(path)["parameters"]["num_leaves"] == 5


def test_a_booster_predicts_from_its_file(trained):
    predictions = family("lightgbm").load(trained).predict(CODES)
    assert predictions.shape == (400,)
    assert predictions.dtype == np.float32
    assert np.corrcoef(predictions, CODES[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_booster_is_named(trained, share):
    whole = trained.read_bytes()
    trained.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"best\.txt is not a"):
        family("lightgbm").load(trained)


def test_a_missing_booster_is_named(tmp_path):
    with pytest.raises(DataError, match=r"best\.txt does not exist"):
        family("lightgbm").load(tmp_path / "best.txt")
