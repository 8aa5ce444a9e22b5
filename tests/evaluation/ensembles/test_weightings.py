"""What an ensemble's scores say of its weights and of each of its members."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import EvaluationSettings
from numerai_pipeline.evaluation import (
    Blends,
    MemberRows,
    compare_weightings,
    contributions,
)
from numerai_pipeline.scoring import (
    MemberScores,
    WeightStep,
    blend,
    contribution_per_era,
    corr_per_era,
    difference,
    member_scores,
    weights_of,
)

SETTINGS = EvaluationSettings()
STARTS = (1, 101, 201, 301)


def made(skills, *, n_eras=400, n_rows=24, covered_from=1, seed=1):
    """Make members that know the target by their skills; the last half is shared."""
    rng = np.random.default_rng(seed)
    eras = np.repeat(np.arange(1, n_eras + 1), n_rows)
    targets = rng.choice([0, 0.25, 0.5, 0.75, 1], len(eras))
    shared = rng.normal(size=(len(eras), 1))
    noise = rng.normal(size=(len(eras), len(skills))) + shared
    meta_model = rng.normal(size=len(eras))
    meta_model[eras < covered_from] = np.nan
    return MemberRows(
        names=tuple(f"m{place}" for place in range(len(skills))),
        eras=eras,
        predictions=targets[:, None] * skills + noise,
        targets=targets,
        meta_model=meta_model,
    )


def compared(blends, horizon=2):
    rows = blends.rows
    scores = member_scores(rows.predictions, rows.targets, rows.meta_model, rows.eras)
    return compare_weightings(blends, scores, STARTS, purge=4, horizon=horizon)


@pytest.fixture(scope="module")
def good():
    """Two members with skill and one without; the meta model starts at era 11."""
    return Blends(made(np.array([1.0, 0.5, 0.0]), covered_from=11), SETTINGS)


def test_each_era_is_blended_by_the_weights_of_its_step(good):
    rows = good.rows
    steps = (WeightStep(5, (0.5, 0.5, 0.0), 0), WeightStep(300, (0.1, 0.2, 0.7), 9))
    found = good.scores(steps)
    parts = {
        5: (rows.eras >= 5) & (rows.eras < 300),
        300: rows.eras >= 300,
    }
    for step in steps:
        kept = parts[step.start]
        blended = blend(rows.predictions[kept], rows.eras[kept], np.array(step.weights))
        expected = corr_per_era(blended, rows.targets[kept], rows.eras[kept])
        same = np.isin(found["CORR"].eras, expected.eras)
        np.testing.assert_allclose(found["CORR"].values[same], expected.values)
    assert found["CORR"].eras[0] == 5
    assert [found[metric].eras[0] for metric in ("MMC", "payout")] == [11, 11]
    paid = 0.75 * found["CORR"].values[-390:] + 2.25 * found["MMC"].values
    np.testing.assert_allclose(found["payout"].values, paid.clip(-0.05, 0.05))


def test_a_member_adds_what_the_ensemble_loses_without_it(good):
    rows = good.rows
    steps = (WeightStep(1, (0.5, 0.3, 0.2), 0),)
    found = contributions(good, steps, horizon=2)
    assert [one.name for one in found] == ["m0", "m1", "m2"]
    full, left = (
        blend(rows.predictions[:, places], rows.eras, np.array(weights))
        for places, weights in (([0, 1, 2], [0.5, 0.3, 0.2]), ([1, 2], [0.6, 0.4]))
    )
    covered = rows.eras >= 11
    expected = {
        "CORR": [corr_per_era(one, rows.targets, rows.eras) for one in (full, left)],
        "MMC": [
            contribution_per_era(
                one[covered],
                rows.meta_model[covered],
                rows.targets[covered],
                rows.eras[covered],
            )
            for one in (full, left)
        ],
    }
    for metric, scores in expected.items():
        wanted = difference(*scores, horizon=2)
        seen = found[0].differences[metric]
        assert (seen.mean, seen.low) == pytest.approx((wanted.mean, wanted.low))
    # The best member adds, the one without skill takes away.
    for metric in ("CORR", "MMC", "payout"):
        assert found[0].differences[metric].low > 0
        assert found[2].differences[metric].high < 0


def test_a_member_without_weight_adds_nothing(good):
    steps = (WeightStep(1, (0.0, 0.4, 0.6), 0),)
    unused, *_ = contributions(good, steps, horizon=2)
    assert {one.mean for one in unused.differences.values()} == {0.0}
    alone = (WeightStep(1, (1.0, 0.0, 0.0), 0),)
    [needed, *_] = contributions(good, alone, horizon=2)
    assert needed.differences["CORR"].low > 0


def test_weights_are_advised_where_they_earn_clearly_more(good):
    found = compared(good)
    assert [one.kind for one in found.weighted] == ["equal", "shrunk", "fitted"]
    verdicts = {(pair.metric, pair.first): pair.verdict for pair in found.pairs}
    assert {kind for (_, kind) in verdicts} == {"shrunk", "fitted"}
    assert verdicts["payout", "shrunk"] == verdicts["CORR", "fitted"] == "better"
    assert found.advice in ("shrunk", "fitted")
    # The first stretch has no earlier eras; all kinds are scored on the others.
    for one in found.weighted:
        assert [step.start for step in one.steps] == [*STARTS]
        assert {scores.eras[0] for scores in one.scores.values()} == {101}
    assert [step.n_eras for step in found.weighted[1].steps] == [0, 96, 196, 296]


def test_equal_weights_are_advised_where_nothing_is_clear():
    found = compared(Blends(made(np.full(3, 0.4)), SETTINGS))
    assert found.advice == "equal"
    by_metric = {pair.metric for pair in found.pairs}
    assert by_metric == {"CORR", "MMC", "payout"}


def test_too_few_eras_to_learn_from_leave_all_kinds_equal(good):
    found = compared(good, horizon=25)
    assert found.advice == "equal"
    assert {pair.difference.mean for pair in found.pairs} == {0.0}
    assert len(found.weighted[2].scores["CORR"].eras) == 400


def test_corr_decides_where_the_meta_model_covers_few_eras():
    few = made(np.array([1.0, 0.5, 0.0]), covered_from=395)
    found = compared(Blends(few, SETTINGS))
    assert found.advice in ("shrunk", "fitted")
    assert {pair.verdict for pair in found.pairs} == {"better", "too few eras"}
    without = compared(Blends(replace(few, meta_model=None), SETTINGS))
    assert without.pairs == found.pairs[:2]
    none = replace(few, meta_model=np.full(len(few.eras), np.nan))
    assert compared(Blends(none, SETTINGS)).pairs == without.pairs


def test_noise_gains_nothing_nested_and_a_lot_from_weights_of_the_scored_eras():
    rows = made(np.zeros(5), n_eras=1_000, n_rows=12, seed=4)
    scores = member_scores(rows.predictions, rows.targets, None, rows.eras)
    blends = Blends(replace(rows, meta_model=None), SETTINGS)
    starts = range(101, 1_001, 100)
    found = compare_weightings(blends, scores, starts, purge=4, horizon=1)
    for pair in found.pairs:
        assert pair.verdict == "not distinguishable"
    # The trap: each stretch with the weights that its own eras earned.
    trap = [own_step(scores, start) for start in starts]
    equal, fitted = found.weighted[0].scores["CORR"], blends.scores(trap)["CORR"]
    assert difference(fitted, equal, horizon=1).low > 0


def own_step(scores, start):
    own = (scores.eras >= start) & (scores.eras < start + 100)
    parts = (scores.eras, scores.corr, scores.mmc, scores.similarity)
    weights = weights_of(
        MemberScores(*(part[own] for part in parts)),
        "fitted",
        corr_factor=1,
        mmc_factor=0,
        horizon=1,
    )
    return WeightStep(start, tuple(weights), 100)
