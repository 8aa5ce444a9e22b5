import numpy as np
import pytest

from numerai_pipeline.models.trees import load_lightgbm, load_xgboost
from numerai_pipeline.models.trees.forest_inference import can_infer_on_gpu, on_gpu


def planted():
    source = np.random.default_rng(3)
    x = source.integers(0, 5, (600, 6)).astype(np.float32)
    x[source.random(x.shape) < 0.05] = np.nan
    y = np.nan_to_num(x[:, 0]) / 4
    return x, y


@pytest.fixture(params=["regression", "classification"])
def lightgbm_file(request, tmp_path):
    x, y = planted()
    parameters = {"verbosity": -1, "objective": "regression"}
    if request.param == "classification":
        parameters |= {"objective": "multiclass", "num_class": 5}
        y = np.rint(4 * y)
    lightgbm = load_lightgbm()
    path = tmp_path / "best.txt"
    lightgbm.train(parameters, lightgbm.Dataset(x, y), 20).save_model(path)
    return path


@pytest.fixture
def xgboost_file(tmp_path):
    x, y = planted()
    xgboost = load_xgboost()
    path = tmp_path / "best.ubj"
    xgboost.train({"verbosity": 0}, xgboost.DMatrix(x, y), 20).save_model(path)
    return path


def test_without_a_gpu_the_library_itself_predicts(lightgbm_file):
    if can_infer_on_gpu():
        pytest.skip("there is a GPU, and nvForest")
    assert on_gpu(lightgbm_file, "lightgbm") is None


def test_nvforest_predicts_what_lightgbm_does(lightgbm_file):
    pytest.importorskip("nvforest", reason="the extra rapids is not installed")
    from numerai_pipeline.models import family
    from numerai_pipeline.models.trees.forest_inference import ForestPredictor

    found = ForestPredictor(lightgbm_file, "lightgbm", "cpu").predict(planted()[0])
    expected = family("lightgbm").load(lightgbm_file).predict(planted()[0])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nvforest_predicts_what_xgboost_does(xgboost_file):
    pytest.importorskip("nvforest", reason="the extra rapids is not installed")
    from numerai_pipeline.models import family
    from numerai_pipeline.models.trees.forest_inference import ForestPredictor

    found = ForestPredictor(xgboost_file, "xgboost_ubj", "cpu").predict(planted()[0])
    expected = family("xgboost").load(xgboost_file).predict(planted()[0])
    np.testing.assert_allclose(found, expected, atol=1e-6)
