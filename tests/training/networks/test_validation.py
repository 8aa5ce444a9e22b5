import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.models import load_network
from numerai_pipeline.scoring import corr_per_era, rank_per_era

TARGETS = ["target", "target_victor_20"]


@pytest.fixture(scope="module")
def validation(shards):
    """Features, both targets and eras of the validation rows that have the first."""
    block = ShardReader(shards).read("valid", targets=TARGETS)
    has_target = ~np.isnan(block.y[:, 0])
    x = decode_features(block.x[has_target], 2.0)
    return x, block.y[has_target], block.eras[has_target]


def best_of(task):
    """Return the best line, and what its network predicts."""
    return task.recorder.best, load_network(task.best_path)


def test_classes_predict_their_expectation(fitted, tiny, validation):
    x, y, eras = validation
    training = {"monitor": "val_corr", "epochs": 5}
    best, network = best_of(fitted(tiny["classes"], training=training))
    values = network.predict(x, verbose=0)[:, 0]
    corr = corr_per_era(values, y[:, 0], eras).summary().mean
    assert best.val_corr == pytest.approx(corr, abs=1e-6)
    assert corr > 0.25


def test_members_lose_each_and_predict_their_mean(fitted, tiny, validation):
    x, y, eras = validation
    best, network = best_of(fitted(tiny["members"]))
    values = network.predict(x, verbose=0)
    assert values.shape == (len(x), 1)
    corr = corr_per_era(values[:, 0], y[:, 0], eras).summary().mean
    assert best.val_corr == pytest.approx(corr, abs=1e-6)
    # Members that differ lose more than their mean.
    assert best.val_loss > np.mean((values - y[:, :1]) ** 2)


def test_further_targets_are_learned_by_the_same_network(fitted, tiny, validation):
    x, y, eras = validation
    task = fitted(
        tiny["values"],
        parameters={"also_targets": ("target_victor_20",)},
        training={"epochs": 6},
    )
    best, network = best_of(task)
    values = network.predict(x, verbose=0)
    assert values.shape == (len(x), 2)
    # Rows without the second target count in CORR, not in the loss.
    is_whole = ~np.isnan(y).any(axis=1)
    assert 0 < is_whole.sum() < len(y)
    expected = np.mean((values[is_whole] - y[is_whole]) ** 2)
    assert best.val_loss == pytest.approx(expected, rel=1e-5)
    ranks = np.mean([rank_per_era(column, eras) for column in values.T], axis=0)
    ranks = ranks.round(12)  # equal means are tied
    corr = corr_per_era(ranks, y[:, 0], eras).summary().mean
    assert best.val_corr == pytest.approx(corr, abs=1e-6)
    for column in range(2):
        found = np.corrcoef(values[is_whole, column], y[is_whole, column])[0, 1]
        assert found > 0.25, TARGETS[column]


def test_the_loss_corr_is_the_mean_of_the_validation_eras(fitted, tiny):
    rows = fitted(
        tiny["values"], training={"loss": "corr", "batches": "eras", "epochs": 4}
    ).recorder.rows
    for row in rows:
        assert 1 - row.val_loss == pytest.approx(row.val_corr, abs=0.03)
    assert rows[-1].val_corr > 0.5


def test_validation_rows_without_the_further_target_are_refused(
    fitted, tiny, market_shards
):
    shards = market_shards(is_resolved=False)
    with pytest.raises(DataError, match=r"no validation row in .* has all of target, "):
        fitted(
            tiny["values"],
            shards=shards,
            parameters={"also_targets": ("target_victor_20",)},
        )
