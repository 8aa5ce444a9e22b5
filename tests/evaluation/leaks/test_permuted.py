"""Planted: a training that sees the targets it is scored by."""

import numpy as np
import pytest

from numerai_pipeline.data import Fold, Part
from numerai_pipeline.evaluation.leaks.permuted import check_permuted_target, permute
from numerai_pipeline.evaluation.leaks.retraining import Retraining


class Peeking(Retraining):
    """Is scored on eras that it learned from, as after a wrong join."""

    @property
    def tested(self):
        return Fold(self.fold.test, ()), self.fold.part("test")


@pytest.mark.slow
def test_a_training_that_sees_the_test_targets_is_found(honest):
    found = check_permuted_target(Peeking(honest))
    assert found.state == "failed"
    (finding,) = found.findings
    assert (finding.column, finding.era) == ("target", 39)
    assert finding.value > 0.02
    assert "it sees the targets of test eras" in finding.says


class Unresolved(Retraining):
    """Is scored on an era that has other targets only."""

    @property
    def eras(self):
        return (*self.fold.train, 49)

    @property
    def tested(self):
        return Fold(self.fold.train, ()), Part((49,))


def test_eras_that_are_not_resolved_are_not_tested(honest):
    found = check_permuted_target(Unresolved(honest))
    assert (found.state, found.findings) == ("not tested", ())
    assert found.untested == ("1 test eras have too few targets for an interval",)


def test_targets_stay_together_and_in_their_era(world):
    block = world.shards.read(None, eras=(20,))
    other = permute(block, seed=1)
    rows = {tuple(row) for row in np.nan_to_num(block.y, nan=-1).tolist()}
    assert {tuple(row) for row in np.nan_to_num(other.y, nan=-1).tolist()} == rows
    assert not np.array_equal(block.y, other.y, equal_nan=True)
    assert other.x is block.x
    np.testing.assert_array_equal(permute(block, seed=1).y, other.y)
