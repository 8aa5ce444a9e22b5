import json
import subprocess
import sys

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.models import Recipe, check_recipe, family
from numerai_pipeline.models.trees import write_catboost

CODES = np.random.default_rng(1).integers(0, 5, (400, 3)).astype(np.float32)


def grown(tmp_path, label, **parameters):
    catboost = pytest.importorskip("catboost")
    kind = family("catboost")
    untrained = tmp_path / "untrained.json"
    made = kind.Parameters(colsample_bytree=1.0, learning_rate=0.3, **parameters)
    kind.write_untrained(made, n_features=3, seed=7, path=untrained)
    booster = json.loads(untrained.read_text())["booster"]
    del booster["monotone"]
    silent = {"allow_writing_files": False, "verbose": False, "iterations": 20}
    return catboost.CatBoost({**booster, **silent}).fit(CODES, label)


@pytest.fixture
def trained(tmp_path):
    path = tmp_path / "best.cbm"
    write_catboost(grown(tmp_path, CODES[:, 0] / 4), path)
    return path


def test_the_untrained_file_holds_all_that_catboost_is_told(tmp_path):
    kind = family("catboost")
    path = tmp_path / "untrained.json"
    parameters = kind.Parameters(
        n_estimators=9, max_depth=7, colsample_bytree=0.3, monotone={"feature_a": 1}
    )
    kind.write_untrained(parameters, n_features=3, seed=7, path=path)
    untrained = json.loads(path.read_text())
    assert untrained["n_estimators"] == 9
    assert untrained["booster"] == {
        "loss_function": "RMSE",
        "learning_rate": 0.01,
        "depth": 7,
        "rsm": 0.3,
        "grow_policy": "SymmetricTree",
        "min_data_in_leaf": 1,
        "l2_leaf_reg": 3.0,
        "monotone": {"feature_a": 1},
        "random_seed": 7,
        "boosting_type": "Plain",
        "bootstrap_type": "No",
        "score_function": "L2",
        "random_strength": 0.0,
        "leaf_estimation_iterations": 1,
    }
    assert kind.spec_of(path)["parameters"]["max_depth"] == 7


@pytest.mark.parametrize("preset", family("catboost").presets)
def test_every_preset_is_a_recipe(preset):
    overrides = family("catboost").presets[preset]
    check_recipe(
        Recipe(
            family="catboost",
            parameters={k: v for k, v in overrides.items() if "." not in k},
            training={
                k.removeprefix("training."): v for k, v in overrides.items() if "." in k
            },
        )
    )


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            {"interaction": [["a", "b"]]},
            "CatBoost has no interaction constraints. Delete 'interaction', or",
        ),
        (
            {"min_data_in_leaf": 20},
            "'min_data_in_leaf' is 20, which CatBoost uses only with",
        ),
        (
            {"grow_policy": "Depthwise", "monotone": {"a": 1}},
            "CatBoost has monotone constraints only in symmetric trees. Set",
        ),
        ({"max_depth": 17}, "'max_depth' is 17, but input should be less than or"),
    ],
)
def test_what_catboost_cannot_do_is_refused(parameters, sentence):
    with pytest.raises(ConfigError, match=r"model\.toml") as caught:
        check_recipe(Recipe(family="catboost", parameters=parameters))
    assert sentence in str(caught.value)


def test_a_model_predicts_from_its_file(trained):
    predictions = family("catboost").load(trained).predict(CODES)
    assert predictions.shape == (400,)
    assert predictions.dtype == np.float32
    assert np.corrcoef(predictions, CODES[:, 0])[0, 1] > 0.9


def test_a_classification_predicts_the_mean_of_the_classes(tmp_path):
    model = grown(tmp_path, CODES[:, 0].astype(int), objective="classification")
    write_catboost(model, tmp_path / "best.cbm")
    predictions = family("catboost").load(tmp_path / "best.cbm").predict(CODES)
    probabilities = model.predict(CODES, prediction_type="Probability")
    mean = probabilities @ np.array([0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(predictions, mean, rtol=1e-6)


def test_catboost_itself_reads_the_file(trained):
    catboost = pytest.importorskip("catboost")
    theirs = catboost.CatBoost().load_model(str(trained)).predict(CODES)
    ours = family("catboost").load(trained).predict(CODES)
    np.testing.assert_array_equal(ours, theirs.astype(np.float32))


def test_a_file_that_catboost_wrote_is_read(tmp_path):
    model = grown(tmp_path, CODES[:, 0] / 4)
    model.save_model(str(tmp_path / "theirs.cbm"))
    predictions = family("catboost").load(tmp_path / "theirs.cbm").predict(CODES)
    np.testing.assert_array_equal(predictions, model.predict(CODES).astype(np.float32))


def test_the_same_model_is_the_same_file(tmp_path):
    files = []
    for name in ("first.cbm", "second.cbm"):
        write_catboost(grown(tmp_path, CODES[:, 0] / 4), tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("n_bytes", [0, 1, 4, 7, 8, 100, 3_000, -40, -38, -1])
def test_a_cut_model_is_named(trained, n_bytes):
    trained.write_bytes(trained.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match=r"best\.cbm is not a"):
        family("catboost").load(trained)


@pytest.mark.parametrize("place", [0, 5, 9, 200, 2_000, -39, -1])
def test_a_changed_byte_is_named(trained, place):
    content = bytearray(trained.read_bytes())
    content[place] ^= 1
    trained.write_bytes(content)
    with pytest.raises(DataError, match=r"best\.cbm is not a"):
        family("catboost").load(trained)


def test_a_file_that_is_no_model_inside_is_named(tmp_path):
    pytest.importorskip("catboost")
    (tmp_path / "best.cbm").write_bytes(b"CBM1\x00\x00\x00\x00")
    with pytest.raises(DataError, match=r"best\.cbm is not a model that CatBoost"):
        family("catboost").load(tmp_path / "best.cbm")


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(DataError, match=r"best\.cbm does not exist"):
        family("catboost").load(tmp_path / "best.cbm")


def test_a_missing_package_is_named_with_the_extra():
    code = (
        "import sys; sys.modules['catboost'] = None\n"
        "from numerai_pipeline.models.trees import load_catboost\n"
        "from numerai_pipeline.core import ConfigError\n"
        "try: load_catboost()\n"
        "except ConfigError as error: print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install 'numerai-pipeline[catboost]'" in said
