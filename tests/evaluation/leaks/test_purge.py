"""Planted: eras next to the training whose returns it knows."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.data import Fold
from numerai_pipeline.evaluation.leaks.purge import check_purge_profile
from numerai_pipeline.evaluation.leaks.retraining import Retraining


@pytest.fixture
def long_test(honest):
    """A run whose test eras begin three eras after it was chosen."""
    fold = Fold((1, 2), (5, 6), tuple(range(9, 49)), purge=2)
    return replace(honest, run=replace(honest.run, fold=fold))


def with_signal(suspect, strength):
    """Let the predictions of each era follow its targets more or less."""
    out = suspect.out_of_sample
    targets = np.nan_to_num(out.targets["target"], nan=0.5)
    noise = np.random.default_rng(3).normal(0, 1, len(targets))
    known = np.array([strength(era) for era in out.eras])
    predictions = (known * targets + noise).astype(np.float32)
    suspect.__dict__["out_of_sample"] = replace(out, predictions=predictions)
    return suspect


def test_higher_scores_next_to_the_training_are_found(long_test):
    suspect = with_signal(long_test, lambda era: 4.0 if era < 13 else 0.5)
    found = check_purge_profile(Retraining(suspect))
    near = next(each for each in found.findings if "next to the training" in each.says)
    assert (near.era, near.column) == (9, "target")
    assert near.value > 3
    assert found.state == "failed"


def test_a_distance_below_the_horizon_is_found(long_test):
    found = check_purge_profile(Retraining(with_signal(long_test, lambda _: 0.5)))
    (finding,) = found.findings
    assert (finding.era, finding.value) == (9, 3.0)
    assert "its targets overlap up to 8" in finding.says
    assert found.untested[0].startswith("the profile: there are too few eras")
