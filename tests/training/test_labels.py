import numpy as np
import pytest

from numerai_pipeline.models import TreesTraining
from numerai_pipeline.training.labels import Labels, base_weights, boosted_weights


@pytest.fixture
def labels():
    """Four eras of 4, 8, 8 and 12 rows."""
    eras = np.repeat(np.array([1, 2, 3, 4], np.int16), [4, 8, 8, 12])
    values = np.tile(np.array([0, 0.25, 0.75, 1], np.float32), 8)
    return Labels(values, eras)


def test_every_era_can_weigh_the_same(labels):
    assert base_weights(labels, TreesTraining()) is None
    weights = base_weights(labels, TreesTraining(era_weights="eras"))
    sums = [weights[labels.eras == era].sum() for era in (1, 2, 3, 4)]
    np.testing.assert_allclose(sums, 8)
    assert weights.mean() == pytest.approx(1)


def test_the_worst_eras_alone_are_learned_from(labels):
    predictions = labels.values.astype(np.float64)
    predictions[labels.eras == 2] *= -1
    predictions[labels.eras == 4] = 0.5  # no CORR at all, which counts as 0
    weights = boosted_weights(None, labels, predictions, 0.5)
    assert set(labels.eras[weights > 0]) == {2, 4}
    base = base_weights(labels, TreesTraining(era_weights="eras"))
    weights = boosted_weights(base, labels, predictions, 0.25)
    assert set(labels.eras[weights > 0]) == {2}
    np.testing.assert_array_equal(weights[labels.eras == 2], base[labels.eras == 2])
