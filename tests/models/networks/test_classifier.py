import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import Recipe, check_recipe, load_keras
from numerai_pipeline.models.networks.classifier import FAMILY, value

PROBABILITIES = np.array(
    [
        [0.05, 0.20, 0.50, 0.20, 0.05],  # the middle is likely
        [0.10, 0.30, 0.40, 0.15, 0.05],  # below 0.48: 1 or 3
        [0.05, 0.15, 0.40, 0.30, 0.10],
        [0.50, 0.20, 0.05, 0.05, 0.20],  # below 0.10: 0 or 4
        [0.10, 0.05, 0.05, 0.50, 0.30],
    ],
    np.float32,
)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        # 0.2 / 4 + 0.5 / 2 + 0.2 * 3 / 4 + 0.05 = 0.5, and so on.
        ({"value": "expectation"}, [0.5, 0.4375, 0.5625, 0.3125, 0.7125]),
        ({"value": "argmax"}, [0.5, 0.5, 0.5, 0.0, 0.75]),
        ({"value": "thresholds"}, [0.5, 0.25, 0.75, 0.0, 1.0]),
        ({"value": "thresholds", "thresholds": [0.0, 0.05]}, [0.5] * 5),
        ({"value": "thresholds", "thresholds": [0.41, 0.45]}, [0.5, 0, 1, 0, 1]),
    ],
)
def test_probabilities_become_a_value(parameters, expected):
    table = FAMILY.Parameters.model_validate(parameters)
    found = np.asarray(value(table, load_keras().ops.array(PROBABILITIES[:, None])))
    assert found.shape == (5, 1)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("how", ["expectation", "argmax", "thresholds"])
def test_keras_alone_loads_what_makes_the_value(how, tmp_path):
    keras = load_keras()
    table = FAMILY.Parameters(units=(4,), value=how, also_targets=("b",))
    model = FAMILY.network(table, 3)
    random = np.random.default_rng(1)
    head = model.get_layer("logits")
    head.set_weights([random.normal(size=w.shape) for w in head.get_weights()])
    predicting = FAMILY.predicting(model, table)
    predicting.save(tmp_path / "m.keras")
    x = random.integers(0, 5, (20, 3)).astype(np.float32)
    found = keras.saving.load_model(tmp_path / "m.keras").predict_on_batch(x)
    np.testing.assert_array_equal(found, predicting.predict_on_batch(x))
    assert found.shape == (20, 2)
    assert len(np.unique(found)) > 1


def test_probabilities_start_at_the_shares_of_the_classes():
    model = FAMILY.network(FAMILY.Parameters(units=(4,)), 3)
    found = model.predict_on_batch(np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(found[0, 0], [0.05, 0.2, 0.5, 0.2, 0.05], rtol=1e-5)


def test_accuracy_chooses_no_epoch():
    recipe = Recipe(family="classifier", training={"monitor": "val_accuracy"})
    with pytest.raises(
        ConfigError, match=r"stays at 0\.5\. Choose val_loss or val_corr"
    ):
        check_recipe(recipe)
