"""Learned weights reach live data only where some score is of learned weights."""

import numpy as np
import pytest

from numerai_pipeline.core import EvaluationSettings
from numerai_pipeline.evaluation import OutOfSample
from numerai_pipeline.evaluation.ensembles.joining import Joined
from numerai_pipeline.evaluation.ensembles.learning import weigh_members

N_ERAS, N_ROWS = 120, 20


def joined(starts):
    """Return two members, the first of which follows the target closely."""
    draw = np.random.default_rng(1).standard_normal
    eras = np.repeat(np.arange(1, N_ERAS + 1), N_ROWS).astype(np.int16)
    target = draw(len(eras))
    predictions = np.column_stack([target + draw(len(eras)), draw(len(eras))])
    found = OutOfSample(
        ids=np.array([f"n{at}" for at in range(len(eras))], "S16"),
        eras=eras,
        predictions=predictions[:, 0].astype(np.float32),
        targets={"target": target.astype(np.float32)},
    )
    return Joined(
        on="test",
        names=("good", "noise"),
        found=found,
        predictions=predictions.astype(np.float32),
        target="target",
        starts=starts,
        purge=8,
        checksums=("", ""),
        shards_fingerprint="",
    )


@pytest.mark.parametrize("kind", ["shrunk", "fitted"])
def test_live_data_gets_learned_weights_if_some_scored_era_has_them(kind):
    # 80 eras are the least to learn from, and 8 are left out before a stretch.
    learned = weigh_members(joined((1, 100)), kind, None, EvaluationSettings())
    assert [step.n_eras for step in learned.steps] == [0, 0, 91, N_ERAS]
    assert learned.live[0] > 0.9
    unscored = weigh_members(joined((1, 80)), kind, None, EvaluationSettings())
    assert unscored.live == (0.5, 0.5)
    assert (unscored.kind, unscored.eras) == (kind, "")
