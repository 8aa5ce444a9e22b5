"""Scores beside each other have the intervals that their own targets need."""

import numpy as np
import pandas as pd
import pytest

from numerai_pipeline.core import ConfigError, EvaluationSettings
from numerai_pipeline.evaluation.out_of_sample import OutOfSample
from numerai_pipeline.evaluation.references import References
from numerai_pipeline.evaluation.scores import Scorer

VALUES = np.random.default_rng(1).random((3, 200), np.float32)
FOUND = OutOfSample(
    ids=np.arange(200).astype("S16"),
    eras=np.repeat(np.arange(1, 41, dtype=np.int16), 5),
    predictions=VALUES[0],
    targets={"target": VALUES[1], "target_victor_60": VALUES[2]},
)


NOTHING = References(FOUND.ids, None, ())


def test_a_benchmark_that_is_not_there_is_not_replaced_by_another(tmp_path):
    path = tmp_path / "validation_benchmark_models.parquet"
    ids = FOUND.ids.astype(str)
    pd.DataFrame({"id": ids, "v53_lgbm_ender20": VALUES[1]}).to_parquet(path)
    known = References(FOUND.ids, None, (path,))
    settings = EvaluationSettings(benchmark="v53_lgbm_ender60")
    with pytest.raises(ConfigError, match=r"benchmark .* Did you mean 'v53_lgbm_ender"):
        Scorer("mine", FOUND, "target", known, settings)
    assert Scorer("mine", FOUND, "target", NOTHING, settings).benchmark == ""


def test_the_learned_target_has_an_interval_of_its_own_horizon():
    scorer = Scorer("mine", FOUND, "target", NOTHING, EvaluationSettings())
    by_target, by_learned = scorer.rows("target_victor_60")
    assert (by_target.of, by_target.horizon) == ("", 4)
    assert (by_learned.of, by_learned.horizon) == ("target_victor_60", 12)
    assert not np.isnan(by_target.summary.low)
    assert np.isnan(by_learned.summary.low)
