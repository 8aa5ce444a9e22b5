"""Planted: a feature made of a target, targets that were exchanged."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from numerai_pipeline.data import Block, ShardReader, copy_shards
from numerai_pipeline.evaluation.leaks.future import check_scrambled_future
from numerai_pipeline.evaluation.leaks.retraining import Retraining
from numerai_pipeline.evaluation.leaks.wiring import check_wiring, cross

DERIVED = (
    "mean of target, target_victor_20 neutral to benchmark v53_lgbm_ender20",
    "target neutral to features small",
)


def planted(world, folder, change):
    eras = world.shards.eras()
    return copy_shards(world.shards, folder, eras=eras, reason="test", change=change)


def with_feature(block, codes, column=3):
    """Give a feature other codes, where there is a target."""
    x = block.x.copy()
    has_target = ~np.isnan(block.y[:, 0])
    x[has_target, column] = codes(block.y[has_target, 0])
    return replace(block, x=x)


def test_honest_features_and_labels_pass(honest):
    found = check_wiring(honest)
    assert (found.state, found.found) == ("passed", "8 features x 3 targets")
    assert "features that give a target away only together" in found.untested


@pytest.mark.slow
def test_derived_targets_pass(world, train_on, suspect_of, tmp_path):
    shards = ShardReader(world.shards.folder, data=world.data)
    run = train_on(shards, targets=DERIVED)
    # A file that nobody has opened so far: that the training does so is no finding.
    data = shutil.copytree(world.data, tmp_path / "v5.3")
    shards = ShardReader(world.shards.folder, data=data)
    suspect = suspect_of(run, shards, data=data)
    assert check_wiring(suspect).state == "passed"
    future = check_scrambled_future(Retraining(suspect))
    assert (future.state, future.findings) == ("passed", ())


@pytest.mark.parametrize(
    "codes",
    [
        lambda y: y * 4,
        lambda y: 4 - y * 4,
        lambda y: np.array([3, 0, 4, 1, 2])[(y * 4).astype(int)],  # not monotone
        lambda y: (y > 0.5) + 1,  # known from the target, not the other way
    ],
)
def test_a_feature_made_of_a_target_is_found(world, honest, tmp_path, codes):
    shards = planted(world, tmp_path / "copy", lambda block: with_feature(block, codes))
    found = check_wiring(replace(honest, shards=shards))
    assert found.state == "failed"
    assert {each.column for each in found.findings} == {"feature_d"}
    first = found.findings[0]
    assert "feature_d gives 'target' away in era 0001" in first.says
    assert first.era == 1


def test_it_is_found_in_the_test_eras_alone(world, honest, tmp_path):
    def change(block):
        return with_feature(block, lambda y: y * 4) if block.eras[0] > 30 else block

    shards = planted(world, tmp_path / "copy", change)
    found = check_wiring(replace(honest, shards=shards))
    assert {each.era for each in found.findings} == {39, 44}
    assert found.findings[0].value == pytest.approx(1.0)


def test_exchanged_targets_are_found(world, honest, tmp_path):
    shards = planted(
        world, tmp_path / "copy", lambda block: replace(block, y=block.y[:, ::-1])
    )
    found = check_wiring(replace(honest, shards=shards))
    first = found.findings[0]
    assert (first.column, first.era) == ("target", 1)
    assert "learns other values as 'target' than train.parquet has" in first.says


def block_of(x, y):
    rows = len(x)
    return Block(
        np.asarray(x, np.uint8),
        np.asarray(y, np.float32)[:, None],
        np.zeros(rows, "S16"),
        np.ones(rows, np.int16),
    )


def test_the_rank_correlation_is_that_of_scipy():
    random = np.random.default_rng(1)
    x = random.integers(0, 6, (400, 5))
    y = ((x[:, 0] + random.integers(0, 4, 400)) // 3) / 4
    ((place, crossed),) = cross(block_of(x, y))
    assert place == 0
    found = crossed.rank_correlations()
    for feature in range(5):
        has_feature = x[:, feature] < 5
        expected = spearmanr(x[has_feature, feature], y[has_feature]).statistic
        assert found[feature] == pytest.approx(expected, abs=1e-12)


def test_what_varies_too_little_decides_nothing():
    y = np.repeat([0.0, 1.0], 50)
    rare = np.r_[np.zeros(97), np.full(3, 4)]
    equal = np.full(100, 2)
    ((_, found),) = cross(block_of(np.stack([rare, equal], axis=1), y))
    assert found.decided()[1] == 0
    assert found.decided()[0] < 0.9
    assert np.isnan(found.rank_correlations()[1])
    assert not list(cross(block_of(np.zeros((100, 1)), np.ones(100))))
    assert not list(cross(block_of(np.zeros((10, 1)), np.arange(10))))
