"""Weights of members: what they should be, what they are worth, and from which eras."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring import (
    MemberScores,
    step_of,
    walk_forward,
    weights_of,
)

KINDS = ("equal", "shrunk", "fitted")
PAID = {"corr_factor": 0.75, "mmc_factor": 2.25}
# Members' scores here are CORR alone, and independent from one era to the next.
PLAIN = {"corr_factor": 1.0, "mmc_factor": 0.0, "horizon": 1}


def market(rng, true, n_eras, horizon=1):
    """Return scores of members whose true scores, and correlation of 0.6, are known.

    Each score is the sum of returns that ``horizon`` neighbouring eras share.
    """
    common = rng.normal(size=(n_eras + horizon, 1))
    own = rng.normal(size=(n_eras + horizon, len(true)))
    total = (np.sqrt(0.6) * common + np.sqrt(0.4) * own).cumsum(axis=0)
    noise = (total[horizon:] - total[:-horizon]) / np.sqrt(horizon)
    corr = true + 0.04 * noise
    alike = np.full((len(true), len(true)), 0.6)
    np.fill_diagonal(alike, 1)
    return MemberScores(
        eras=np.arange(1, n_eras + 1),
        corr=corr,
        mmc=np.full(corr.shape, np.nan),
        similarity=np.broadcast_to(alike, (n_eras, *alike.shape)),
    )


def blended(weights, scores):
    """Return the mean score of the blend in eras with these scores."""
    alike = scores.similarity[0]
    weights = np.broadcast_to(weights, scores.corr.shape)
    widths = np.sqrt(np.einsum("ni,ij,nj->n", weights, alike, weights))
    return ((weights * scores.corr).sum(axis=1) / widths).mean()


def worth(weights, true):
    """Return what a blend would score in the mean of endless eras."""
    endless = market(np.random.default_rng(0), true, 2)
    return blended(weights, replace(endless, corr=np.array([true, true])))


@pytest.fixture(scope="module")
def learned():
    """What is chosen in 400 markets of 100 eras is worth, by how it is chosen."""
    rng = np.random.default_rng(7)
    found = {kind: [] for kind in ("best single", *KINDS)}
    for _ in range(400):
        true = rng.normal(0.02, 0.002, 5)
        scores = market(rng, true, 100)
        best = np.eye(5)[scores.corr.mean(axis=0).argmax()]
        found["best single"].append(worth(best, true))
        for kind in KINDS:
            found[kind].append(worth(weights_of(scores, kind, **PLAIN), true))
    return {kind: np.array(values) for kind, values in found.items()}


def test_equal_weights_beat_the_best_single_member(learned):
    assert learned["equal"].mean() == pytest.approx(0.0242, abs=0.0002)
    assert learned["best single"].mean() == pytest.approx(0.0214, abs=0.0003)


def test_shrunk_weights_are_at_least_as_good_as_equal_and_better_than_fitted(learned):
    for other in ("equal", "fitted"):
        more = learned["shrunk"] - learned[other]
        assert more.mean() - 1.96 * more.std() / np.sqrt(len(more)) > 0


@pytest.mark.parametrize("kind", ["shrunk", "fitted"])
def test_noise_scores_zero_with_earlier_weights_and_more_with_its_own(kind):
    rng = np.random.default_rng(5)
    own, nested = [], []
    how = {"corr_factor": 1.0, "mmc_factor": 0.0, "horizon": 4}
    for _ in range(150):
        scores = market(rng, np.zeros(5), 400, horizon=4)
        # What all members share says nothing about weights: it is taken out.
        equal = blended(np.full(5, 0.2), scores)
        own.append(blended(weights_of(scores, kind, **how), scores) - equal)
        steps = walk_forward(scores, kind, range(1, 400, 80), purge=8, **how)
        earlier = np.array([step_of(steps, era).weights for era in scores.eras])
        nested.append(blended(earlier, scores) - equal)
    error = 1.96 * np.std(nested) / np.sqrt(len(nested))
    assert abs(np.mean(nested)) < error
    assert np.mean(own) > 2 * error


def test_weights_solve_the_tangency_problem():
    rng = np.random.default_rng(1)
    scores = market(rng, np.array([0.03, 0.02, 0.01]), 200)
    found = weights_of(scores, "fitted", **PLAIN)
    best = worth(found, scores.corr.mean(axis=0))
    for _ in range(300):
        nearby = np.abs(found + 0.1 * rng.normal(size=3))
        # What keeps copies together moves the weights a little.
        assert worth(nearby, scores.corr.mean(axis=0)) < best + 1e-5


def test_a_copy_shares_the_weight_of_its_original():
    scores = market(np.random.default_rng(2), np.array([0.03, 0.025, 0.02]), 200)
    alone = weights_of(scores, "fitted", **PLAIN)
    places = [0, 0, 1, 2]
    copied = replace(
        scores,
        corr=scores.corr[:, places],
        mmc=scores.mmc[:, places],
        similarity=scores.similarity[:, places][:, :, places],
    )
    found = weights_of(copied, "fitted", **PLAIN)
    assert found[0] == pytest.approx(found[1])
    np.testing.assert_allclose([found[0] + found[1], *found[2:]], alone, atol=0.01)


def test_members_that_earned_the_same_get_the_same():
    scores = market(np.random.default_rng(3), np.full(4, 0.02), 100)
    same = replace(scores, corr=np.repeat(scores.corr[:, :1], 4, axis=1))
    np.testing.assert_allclose(weights_of(same, "shrunk", **PLAIN), 0.25)


def test_shrunk_weights_are_as_fitted_where_the_differences_are_clear():
    rng = np.random.default_rng(3)
    for n_eras, least, most in ((40, 0, 0.9), (4_000, 0.9, 1)):
        scores = market(rng, np.array([0.022, 0.021, 0.02, 0.016]), n_eras)
        fitted, shrunk = (
            weights_of(scores, kind, **PLAIN) for kind in ("fitted", "shrunk")
        )
        assert least <= np.ptp(shrunk) / np.ptp(fitted) < most


def test_what_moves_all_members_alike_says_nothing_about_their_weights():
    rng = np.random.default_rng(9)
    scores = market(rng, np.array([0.025, 0.02, 0.02, 0.015]), 200)
    common = rng.normal(0, 0.2, size=(200, 1))
    moved = replace(scores, corr=scores.corr + common - common.mean())
    found = weights_of(scores, "shrunk", **PLAIN)
    np.testing.assert_allclose(weights_of(moved, "shrunk", **PLAIN), found, atol=1e-6)
    assert np.ptp(found) > 0.01


@pytest.mark.parametrize(("horizon", "n_covered"), [(1, 0), (4, 0), (1, 60)])
def test_differences_that_are_luck_are_taken_as_such(horizon, n_covered):
    """Members equally good differ by more than their errors in about half of cases."""
    rng = np.random.default_rng(10)
    is_luck = []
    for _ in range(400):
        scores = market(rng, np.full(5, 0.02), 240, horizon)
        if n_covered:
            mmc = np.full(scores.corr.shape, np.nan)
            mmc[-n_covered:] = scores.corr[-n_covered:]
            scores = replace(scores, corr=np.zeros(mmc.shape), mmc=mmc)
        how = {"corr_factor": 1, "mmc_factor": 1, "horizon": horizon}
        is_luck.append(np.ptp(weights_of(scores, "shrunk", **how)) < 1e-6)
    # With known errors in 0.59, where chi2(4) / 4 is below 1.
    assert 0.44 < np.mean(is_luck) < 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_equal_without_a_mean_above_zero_or_with_too_few_eras(kind):
    rng = np.random.default_rng(4)
    poor = market(rng, np.full(3, -0.05), 100)
    np.testing.assert_allclose(weights_of(poor, kind, **PLAIN), 1 / 3)
    good = market(rng, np.array([0.05, 0.02, 0.01]), 100)
    few = {**PLAIN, "horizon": 12}
    np.testing.assert_allclose(weights_of(good, kind, **few), 1 / 3)
    [step] = walk_forward(good, kind, [90], purge=8, **few)
    assert step.n_eras == 0
    # Every twelfth era only: their targets share no returns.
    sparse = replace(good, eras=good.eras * 12)
    assert (weights_of(sparse, kind, **few)[0] > 0.4) == (kind != "equal")


def test_mmc_counts_by_the_eras_that_the_meta_model_covers():
    scores = market(np.random.default_rng(5), np.array([0.02, 0.02]), 200)
    scores = replace(scores, corr=np.full((200, 2), 0.02))
    for n_covered, favours in ((60, True), (19, False)):
        mmc = np.full((200, 2), np.nan)
        mmc[-n_covered:] = [0.005, 0.02]
        first, second = weights_of(
            replace(scores, mmc=mmc), "fitted", **PAID, horizon=1
        )
        assert (second > first + 0.1) == favours
        # mu = 0.75 * 0.02 + 2.25 * MMC; C + 0.01 I = [[1.01, 0.6], [0.6, 1.01]].
        means = 0.015 + 2.25 * np.array([0.005, 0.02]) * favours
        exact = np.linalg.solve(np.array([[1.01, 0.6], [0.6, 1.01]]), means)
        exact = np.maximum(exact, 0)
        np.testing.assert_allclose([first, second], exact / exact.sum(), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 130),
    st.integers(0, 16),
    st.integers(0, 99),
)
def test_a_step_knows_no_era_within_the_purge_or_later(kind, start, purge, seed):
    rng = np.random.default_rng(seed)
    scores = market(rng, np.array([0.03, 0.02, 0.0]), 120)
    scores = replace(scores, mmc=scores.corr / 2)
    is_later = scores.eras >= start - purge
    changed = replace(
        scores,
        corr=np.where(
            is_later[:, None], rng.normal(size=scores.corr.shape), scores.corr
        ),
        mmc=np.where(is_later[:, None], np.nan, scores.mmc),
        similarity=np.where(is_later[:, None, None], np.eye(3), scores.similarity),
    )
    how = {**PAID, "horizon": 2, "purge": purge}
    [step] = walk_forward(scores, kind, [start], **how)
    assert [step] == [*walk_forward(changed, kind, [start], **how)]
    n_known = int((~is_later).sum())
    assert step.n_eras == (n_known if kind != "equal" and n_known >= 40 else 0)
    assert sum(step.weights) == pytest.approx(1)
    assert min(step.weights) >= 0


def test_an_era_before_the_first_weights_is_refused():
    scores = market(np.random.default_rng(6), np.array([0.02, 0.01]), 50)
    steps = walk_forward(scores, "fitted", [10, 40], purge=0, **PLAIN)
    assert [step.n_eras for step in steps] == [0, 39]
    assert step_of(steps, 39) is steps[0]
    assert step_of(steps, 1_000) is steps[1]
    with pytest.raises(DataError, match="era 9 has no weights, which hold from era 10"):
        step_of(steps, 9)


def test_an_era_in_which_a_member_predicts_nothing_earns_it_nothing():
    scores = market(np.random.default_rng(11), np.array([0.03, 0.02]), 100)
    scores.corr[::3, 0] = np.nan
    zero = replace(scores, corr=np.nan_to_num(scores.corr))
    for kind in KINDS:
        np.testing.assert_array_equal(
            weights_of(scores, kind, **PLAIN), weights_of(zero, kind, **PLAIN)
        )
