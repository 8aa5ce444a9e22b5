"""Models in pairs: the verdicts are those of the intervals."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_world import score_run

from numerai_pipeline.core import DataError
from numerai_pipeline.evaluation import compare
from numerai_pipeline.evaluation.rows import ScoreRow
from numerai_pipeline.scoring import Scores, similarity_per_era


@pytest.fixture(scope="module")
def made(evaluated):
    """Return an evaluation of 200 eras with a mean CORR, beside a benchmark at 0.02."""
    eras = np.arange(1, 201)
    noise = np.random.default_rng(3).normal(0, 0.02, (2, 200))

    def evaluation(name, mean):
        common = Scores(eras, 0.02 + noise[0])
        own = Scores(eras, mean + noise[0] + 0.1 * noise[1])
        rows = (
            ScoreRow(name, "CORR", own, 4),
            ScoreRow("v53_lgbm_ender20", "CORR", common, 4),
        )
        return replace(evaluated, model=name, rows=rows)

    return evaluation


def test_a_clear_difference_has_a_verdict_and_noise_has_none(made):
    models = {name: made(name, mean) for name, mean in (("a", 0.03), ("b", 0.02))}
    found = compare(models)
    assert found.names == ("a", "b", "v53_lgbm_ender20")
    verdicts = {(pair.first, pair.second): pair.verdict for pair in found.pairs}
    assert verdicts == {
        ("a", "b"): "better",
        ("a", "v53_lgbm_ender20"): "better",
        ("b", "v53_lgbm_ender20"): "not distinguishable",
    }
    assert all(pair.p_value >= pair.difference.p_value for pair in found.pairs)
    worse = compare({"c": made("c", 0.0)})
    assert [pair.verdict for pair in worse.pairs] == ["worse"]


def test_few_eras_are_said_to_be_few(evaluated):
    [pair, *_] = compare({"trees": evaluated}).pairs
    assert (pair.metric, pair.verdict) == ("CORR", "too few eras")
    assert math.isnan(pair.p_value)
    assert pair.difference.n_eras == 10


def test_predictions_are_compared_row_by_row(evaluated, world, copied):
    other = score_run(copied("few"), world.shards, **world.references)
    found = compare({"trees": evaluated, "few": other})
    one, two = (
        pd.read_parquet(each.predictions).set_index("id") for each in (evaluated, other)
    )
    both = one.join(two["prediction"].rename("prediction_of_other"))
    wanted = similarity_per_era(
        both["prediction"].to_numpy(),
        both["prediction_of_other"].to_numpy(),
        both["era"].astype(int).to_numpy(),
    )
    assert found.correlations[0, 1] == pytest.approx(wanted.values.mean())
    assert found.correlations[2, 0] == pytest.approx(
        evaluated.row("similarity").summary.mean
    )
    np.testing.assert_array_equal(found.correlations, found.correlations.T)


def test_there_must_be_something_to_compare(evaluated, made):
    alone = replace(evaluated, benchmark="")
    with pytest.raises(DataError, match="nothing to compare with"):
        compare({"trees": alone})
    with pytest.raises(DataError, match="different targets: "):
        compare({"a": made("a", 0), "b": replace(evaluated, target="target_x_60")})
    apart = replace(evaluated.rows[0], scores=Scores(np.array([900]), np.array([0.1])))
    with pytest.raises(DataError, match="no era in common"):
        compare({"trees": alone, "few": replace(alone, rows=(apart,))})
