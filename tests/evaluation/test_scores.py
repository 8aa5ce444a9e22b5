"""Scores beside each other have the intervals that their own targets need."""

import numpy as np

from numerai_pipeline.core import EvaluationSettings
from numerai_pipeline.evaluation.out_of_sample import OutOfSample
from numerai_pipeline.evaluation.scores import Compared


def test_the_learned_target_has_an_interval_of_its_own_horizon():
    values = np.random.default_rng(1).random((3, 200), np.float32)
    found = OutOfSample(
        ids=np.arange(200).astype("S16"),
        eras=np.repeat(np.arange(1, 41, dtype=np.int16), 5),
        predictions=values[0],
        targets={"target": values[1], "target_victor_60": values[2]},
    )
    compared = Compared("mine", found, "target", (), EvaluationSettings())
    by_target, by_learned = compared.rows("target_victor_60")
    assert (by_target.of, by_target.horizon) == ("", 4)
    assert (by_learned.of, by_learned.horizon) == ("target_victor_60", 12)
    assert not np.isnan(by_target.summary.low)
    assert np.isnan(by_learned.summary.low)
