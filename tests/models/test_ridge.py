import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.models import Recipe, RidgeModel, check_recipe, family


def test_penalties_are_sorted_and_counted_once():
    recipe = Recipe(family="ridge", parameters={"penalties": [10, 1.0, 10.0, 0]})
    assert check_recipe(recipe).parameters.penalties == (0.0, 1.0, 10.0)


@pytest.mark.parametrize("penalties", [[], [-1.0], [float("inf")], ["much"]])
def test_what_is_no_penalty_is_refused(penalties):
    with pytest.raises(ConfigError, match="penalties"):
        check_recipe(Recipe(family="ridge", parameters={"penalties": penalties}))


def test_a_model_comes_back_with_all_digits(tmp_path):
    random = np.random.default_rng(1)
    coefficients, intercepts = random.normal(size=(700, 2)), random.normal(size=2)
    features = tuple(f"feature_{at}" for at in range(700))
    model = RidgeModel(0.1, ("target", "other"), features, coefficients, intercepts)
    model.save(tmp_path / "best.json")
    found = RidgeModel.load(tmp_path / "best.json")
    np.testing.assert_array_equal(found.coefficients, coefficients)
    np.testing.assert_array_equal(found.intercepts, intercepts)
    assert (found.penalty, found.targets) == (0.1, ("target", "other"))
    x = random.integers(0, 5, (1_100, 700)).astype(np.float32)
    expected = (x @ coefficients + intercepts).astype(np.float32)
    np.testing.assert_allclose(found.predict(x), expected, rtol=1e-6)
    assert found.predict(x).dtype == np.float32


def test_an_untrained_file_without_penalties_is_named(tmp_path):
    path = tmp_path / "untrained.json"
    path.write_text('{"booster": {}}')
    with pytest.raises(DataError, match=r"untrained\.json has no 'penalties'"):
        family("ridge").spec_of(path)
