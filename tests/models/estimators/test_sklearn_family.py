"""Estimators of scikit-learn by their import path."""

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import Batch, Recipe, check_recipe, family

Y = np.float32([0, 0.25, 0.5, 0.75, 1] * 20)
X = np.random.default_rng(1).integers(0, 5, (100, 3)).astype(np.float32)
X[:, 0] = Y * 4


class Rows:
    """What a fit needs of rows, all in memory."""

    n_steps, done, n_rows = None, 0, 100

    def __init__(self, weights=None):
        self.whole = Batch(X, Y, np.arange(100, dtype=np.int16), weights)
        self.evaluated = []

    def read(self, _dtype):
        return self.whole

    def batches(self, batch_rows, **_options):
        for start in range(0, 100, batch_rows):
            rows = slice(start, start + batch_rows)
            yield Batch(*(None if each is None else each[rows] for each in self.whole))

    def evaluate(self, step):
        self.evaluated.append(step)
        return step < 3


def fitted(estimator, *, rows=None, **parameters):
    recipe = Recipe(family="sklearn", parameters={"estimator": estimator, **parameters})
    checked = check_recipe(recipe)
    made = checked.family.made(checked.parameters, 7, "'m'")
    made.fit(rows or Rows(), [])
    return made


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.linear_model.Ridge",
        "sklearn.tree.DecisionTreeRegressor",
        "sklearn.linear_model.LogisticRegression",
        "sklearn.svm.LinearSVC",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.cross_decomposition.PLSRegression",  # predicts a column
    ],
)
def test_values_and_classes_are_learned(estimator):
    predictions = fitted(estimator).predict(X)
    assert predictions.dtype == np.float32
    assert np.corrcoef(predictions, Y)[0, 1] > 0.8
    assert -0.1 < predictions.min() < predictions.max() < 1.1


def test_a_class_with_probabilities_predicts_their_expectation():
    made = fitted("sklearn.linear_model.LogisticRegression")
    chances = made.estimator.wrapped.predict_proba(X)
    np.testing.assert_allclose(
        made.predict(X), chances @ [0, 0.25, 0.5, 0.75, 1], rtol=1e-6
    )


def test_blocks_are_evaluated_after_each_epoch_and_memory_is_not():
    sgd = "sklearn.linear_model.SGDRegressor"
    for fit_by, evaluated in (("auto", [1, 2, 3]), ("memory", [])):
        rows = Rows()
        fitted(sgd, rows=rows, fit_by=fit_by, batch_rows=30, epochs=9)
        assert rows.evaluated == evaluated


def test_the_seed_and_the_weights_reach_it():
    tree = "sklearn.tree.DecisionTreeRegressor"
    assert fitted(tree).estimator.wrapped.random_state == 7
    own = fitted(tree, options={"random_state": 3})
    assert own.estimator.wrapped.random_state == 3
    weights = np.where(Y == 1, 1, 0).astype(np.float32)
    weighted = fitted("sklearn.linear_model.Ridge", rows=Rows(weights))
    assert weighted.predict(X).min() > 0.9


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"estimator": "sklearn.linear_model.Rigde"}, "Did you mean 'Ridge'?"),
        ({"estimator": "nothing.Here"}, "cannot be imported (No module named 'nothin"),
        ({"estimator": "Ridge"}, "cannot be imported (Empty module name)."),
        ({"estimator": "sklearn.base.clone"}, "is not a class. Name a class with fit"),
        ({"estimator": "sklearn.preprocessing.StandardScaler"}, "has no predict. Na"),
        ({"options": {"alhpa": 1}}, "has no option 'alhpa'. Did you mean 'alpha'?"),
        ({"estimator": ".linear.Ridge"}, "cannot be imported (the 'package' argument"),
        ({"estimator": "sklearn.pipeline.Pipeline"}, "be made with these options: Pi"),
        ({"options": {"a": [{"b": float("inf")}]}}, "inf cannot be an option. Write a"),
        ({"options": {"alpha": "x"}}, "fit of Ridge raised InvalidParameterError: T"),
        ({"fit_by": "blocks"}, "Ridge has no partial_fit, so it cannot learn block b"),
        (
            {"estimator": "sklearn.neighbors.KNeighborsRegressor"},
            "fit of sklearn.neighbors.KNeighborsRegressor takes no sample_weight. Set",
        ),
    ],
)
def test_what_cannot_be_made_or_fitted_is_a_sentence(parameters, sentence):
    named = {"estimator": "sklearn.linear_model.Ridge", **parameters}
    with pytest.raises(ConfigError) as caught:
        fitted(**named, rows=Rows(np.ones(100, np.float32)))
    assert sentence in str(caught.value)


def test_its_file_is_checked_when_a_model_is_made(tmp_path):
    kind = family("sklearn")
    parameters = kind.Parameters(options={"alhpa": 1})
    path = tmp_path / "untrained.json"
    with pytest.raises(ConfigError, match="has no option 'alhpa'"):
        kind.write_untrained(parameters, n_features=3, seed=1, path=path)
    assert not path.exists()
    kind.write_untrained(kind.Parameters(), n_features=3, seed=1, path=path)
    assert kind.spec_of(path)["n_features"] == 3
