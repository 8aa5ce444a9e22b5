"""Every score is numerai-tools' number, whatever the rows look like."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools.scoring import (
    correlation_contribution,
    gaussian,
    numerai_corr,
    tie_kept_rank,
    tie_kept_rank__gaussianize__pow_1_5,
)

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring import (
    Scores,
    churn_per_era,
    contribution_per_era,
    corr_of_era,
    corr_per_era,
    cwmm_per_era,
    payout_per_era,
    rank_per_era,
    similarity_per_era,
)

TOLERANCE = 1e-12

# Few distinct values make ties; many make none.
coarse = st.sampled_from([-2.0, 0.1, 0.2, 0.3, 7.0])
fine = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
numbers = st.one_of(coarse, fine)
bins = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
# Few rows lack a value, so that numerai-tools scores most eras as they are.
holes = st.integers(0, 7).map(lambda value: value == 0)
returns = st.sampled_from([-0.2, -0.1, 0.0, 0.05, 1.5])


def market(row):
    """Draw rows of several eras, each a tuple that starts with its era."""
    return st.lists(st.tuples(st.integers(1, 4), *row), min_size=1, max_size=80).map(
        lambda rows: [np.array(column) for column in zip(*rows, strict=True)]
    )


def enough(eras, is_kept):
    return all(is_kept[eras == era].sum() >= 2 for era in np.unique(eras))


def reference(eras, columns, function):
    """Score era by era with a function of one frame; nothing is dropped before."""
    frame = pd.DataFrame({**columns, "era": eras})
    frame.index = pd.Index([f"n{row:05d}" for row in range(len(frame))])
    return [function(era) for _, era in frame.groupby("era")]


def numerai_corr_of(era):
    """Score a frame whose predictions and targets lack different ids."""
    whole = era.dropna()
    if whole["p"].nunique() == 1 or whole["t"].nunique() == 1:
        return np.nan  # numerai-tools may divide one rounding error by another
    predictions, targets = era[["p"]].dropna(), era["t"].dropna()
    return numerai_corr(predictions, targets, max_filtered_index_ratio=1.0)["p"]


def contribution_of(era):
    """Score a frame whose columns lack different ids, as far as numerai-tools does."""
    try:
        return correlation_contribution(era[["p"]], era["m"], era["t"])["p"]
    except AssertionError:  # more than a fifth is missing
        whole = era.dropna()
        return correlation_contribution(whole[["p"]], whole["m"], whole["t"])["p"]


def with_holes(values, holes):
    return np.where(holes, np.nan, values)


@settings(max_examples=150, deadline=None)
@given(market([numbers, bins, holes, holes]), st.booleans())
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_corr_is_numerai_corr(rows, may_lack_predictions):
    eras, predictions, targets, no_target, no_prediction = rows
    no_prediction &= may_lack_predictions
    targets = with_holes(targets, no_target)
    predictions = with_holes(predictions, no_prediction)
    how = {"allow_missing": may_lack_predictions}
    if not enough(eras, ~(no_target | no_prediction)):
        with pytest.raises(DataError, match="a score needs 2"):
            corr_per_era(predictions, targets, eras, **how)
        return
    scores = corr_per_era(predictions, targets, eras, **how)
    expected = reference(eras, {"p": predictions, "t": targets}, numerai_corr_of)
    assert scores.eras.tolist() == sorted(set(eras.tolist()))
    np.testing.assert_allclose(scores.values, expected, rtol=0, atol=TOLERANCE)


@settings(max_examples=150, deadline=None)
@given(
    market([numbers, numbers, st.one_of(bins, returns), holes, holes, holes]),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_contribution_is_correlation_contribution(rows, may_lack_predictions):
    eras, predictions, meta_model, targets, no_target, no_meta_model, lacks = rows
    lacks &= may_lack_predictions
    targets = with_holes(targets, no_target)
    meta_model = with_holes(meta_model, no_meta_model)
    predictions = with_holes(predictions, lacks)
    how = {"allow_missing": may_lack_predictions}
    if not enough(eras, ~(no_target | no_meta_model | lacks)):
        with pytest.raises(DataError, match="a target and a reference"):
            contribution_per_era(predictions, meta_model, targets, eras, **how)
        return
    scores = contribution_per_era(predictions, meta_model, targets, eras, **how)
    expected = reference(
        eras,
        {"p": predictions, "m": meta_model, "t": targets},
        contribution_of,
    )
    np.testing.assert_allclose(scores.values, expected, rtol=0, atol=TOLERANCE)


@settings(max_examples=100, deadline=None)
@given(market([numbers]))
def test_ranks_are_tie_kept_ranks(rows):
    eras, values = rows
    ranks = rank_per_era(values, eras)
    expected = pd.Series(values).groupby(eras).transform(tie_kept_rank)
    np.testing.assert_allclose(ranks, expected, rtol=0, atol=1e-15)
    assert ((ranks > 0) & (ranks < 1)).all()


@settings(max_examples=50, deadline=None)
@given(market([numbers, numbers, bins]), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_scale_do_not_matter(rows, random):
    eras, predictions, meta_model, targets = rows
    if not enough(eras, np.ones(len(eras), dtype=bool)):
        return
    shuffled = list(range(len(eras)))
    random.shuffle(shuffled)
    stretched = np.sign(predictions) * predictions**2
    for score in (
        lambda p, _m, t, e: corr_per_era(p, t, e).values,
        lambda p, m, t, e: contribution_per_era(p, m, t, e).values,
    ):
        np.testing.assert_allclose(
            score(
                stretched[shuffled],
                meta_model[shuffled],
                targets[shuffled],
                eras[shuffled],
            ),
            score(predictions, meta_model, targets, eras),
            rtol=0,
            atol=TOLERANCE,
        )


def test_real_sized_eras_in_the_types_of_the_shards():
    rng = np.random.default_rng(3)
    eras = np.repeat(np.array([7, 8], dtype=np.int16), 5_000)
    targets = rng.integers(0, 5, len(eras)).astype(np.float32) / 4
    predictions = (targets + rng.normal(size=len(eras))).astype(np.float32)
    scores = corr_per_era(predictions, targets, eras)
    expected = reference(
        eras,
        {"p": predictions, "t": targets.astype(np.float64)},
        lambda era: numerai_corr(era[["p"]], era["t"])["p"],
    )
    np.testing.assert_allclose(scores.values, expected, rtol=0, atol=TOLERANCE)
    assert scores.values.dtype == np.float64


def test_targets_of_rows_without_a_prediction_count_for_the_mean():
    """Dropped first, they would change this CORR in the second decimal."""
    targets = np.array([0.0, 0.25, 0.5, 0.5, 0.75, 1.0, 1.0, 1.0])
    predictions = np.array([0.3, 0.1, 0.2, 0.5, 0.4, 0.7, np.nan, np.nan])
    eras = np.ones(8, int)
    [score] = corr_per_era(predictions, targets, eras, allow_missing=True).values
    ids = [f"n{row}" for row in range(8)]
    expected = numerai_corr(
        pd.DataFrame({"p": predictions[:6]}, index=ids[:6]),
        pd.Series(targets, ids, name="t"),
        max_filtered_index_ratio=0.25,
    )["p"]
    assert score == pytest.approx(expected, abs=TOLERANCE)
    [dropped] = corr_per_era(predictions[:6], targets[:6], eras[:6]).values
    assert abs(dropped - score) > 0.005
    with pytest.raises(DataError, match="2 of 8 predictions, in era 1, are NaN"):
        corr_per_era(predictions, targets, eras)


@pytest.mark.parametrize("step", [1e-220, 1e-107, 5e-324, 1e-17, 1e200])
def test_targets_of_any_scale_have_the_same_corr(step):
    predictions, targets = np.array([0.1, 0.3, 0.2, 0.4]), np.array([0.0, 1, 2, 3])
    eras = np.ones(4, int)
    [expected] = corr_per_era(predictions, targets, eras).values
    [score] = corr_per_era(predictions, targets * step, eras).values
    # The smallest step of all has a mean that is rounded to a whole step.
    assert score == pytest.approx(expected, abs=0.1 if step == 5e-324 else TOLERANCE)


def test_targets_that_differ_by_rounding_alone_have_no_corr():
    """Beside the targets of rows without a prediction, 1e-220 is nothing."""
    targets = np.array([0.0, 1e-220, 2e-220, 0.75])
    predictions = np.array([0.1, 0.2, 0.3, np.nan])
    scores = corr_per_era(predictions, targets, np.ones(4, int), allow_missing=True)
    assert np.isnan(scores.values).all()


def test_one_era_without_two_targets_has_no_corr():
    assert np.isnan(corr_of_era(np.arange(3.0), np.array([np.nan, np.nan, 1.0])))


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_targets_and_references_are_refused(infinite):
    eras, numbers = np.array([1, 1, 2, 2]), np.arange(4.0)
    broken = np.array([0.0, 1.0, infinite, 0.5])
    with pytest.raises(DataError, match=r"^1 of 4 targets, in era 2, are infinite\."):
        corr_per_era(numbers, broken, eras)
    with pytest.raises(DataError, match="1 of 4 targets, in era 2, are infinite"):
        contribution_per_era(numbers, numbers, broken, eras)
    with pytest.raises(DataError, match="values of the reference, in era 2, are inf"):
        contribution_per_era(numbers, broken, numbers, eras)
    with pytest.raises(DataError, match="1 of 4 predictions, in era 2, are infinite"):
        corr_per_era(broken, numbers, eras, allow_missing=True)


def test_a_contribution_needs_every_prediction_unless_some_may_lack():
    numbers, eras = np.arange(4.0), np.ones(4, int)
    lacking = np.array([0.1, np.nan, 0.3, 0.2])
    with pytest.raises(DataError, match="1 of 4 predictions, in era 1, are NaN"):
        contribution_per_era(lacking, numbers, numbers, eras)


def test_cwmm_is_the_correlation_with_the_raw_meta_model():
    rng = np.random.default_rng(5)
    eras = np.repeat([1, 2], 300)
    meta_model = rng.uniform(size=600) ** 3
    meta_model[7] = np.nan
    predictions = np.round(meta_model + rng.normal(size=600), 1)
    predictions[[7, 400]] = 0.5, np.nan
    scores = cwmm_per_era(predictions, meta_model, eras)
    expected = [
        tie_kept_rank__gaussianize__pow_1_5(era.dropna()[["p"]])["p"].corr(era["m"])
        for _, era in pd.DataFrame({"p": predictions, "m": meta_model}).groupby(eras)
    ]
    np.testing.assert_allclose(scores.values, expected, rtol=0, atol=TOLERANCE)


def test_churn_is_one_minus_spearman():
    rng = np.random.default_rng(6)
    eras = np.repeat([3, 1], 50)
    one = np.round(rng.normal(size=100), 1)
    other = np.round(one + rng.normal(size=100), 1)
    other[4] = np.nan
    scores = churn_per_era(one, other, eras)
    expected = [
        1 - era["one"].corr(era["other"], method="spearman")
        for _, era in pd.DataFrame({"one": one, "other": other}).groupby(eras)
    ]
    assert scores.eras.tolist() == [1, 3]
    np.testing.assert_allclose(scores.values, expected, rtol=0, atol=TOLERANCE)
    assert churn_per_era(one, one**3, eras).values == pytest.approx([0, 0])
    assert churn_per_era(one, -one, eras).values == pytest.approx([2, 2])


def test_similarity_is_the_correlation_of_gaussian_ranks():
    rng = np.random.default_rng(7)
    one, other = rng.normal(size=(2, 60))
    [score] = similarity_per_era(one, other, np.ones(60, int)).values
    ranks = gaussian(tie_kept_rank(pd.DataFrame({"one": one, "other": other})))
    assert score == pytest.approx(ranks["one"].corr(ranks["other"]), abs=TOLERANCE)
    [same] = similarity_per_era(one, np.exp(one), np.ones(60, int)).values
    assert same == pytest.approx(1, abs=TOLERANCE)


@pytest.mark.parametrize("score", [cwmm_per_era, churn_per_era, similarity_per_era])
def test_equal_values_correlate_with_nothing(score):
    eras, numbers = np.array([1, 1, 1]), np.arange(3.0)
    assert np.isnan(score(numbers, np.full(3, 0.1), eras).values).all()
    assert np.isnan(score(np.full(3, 0.1), numbers, eras).values).all()
    with pytest.raises(DataError, match="era 1 has 1 of 3 rows with both predictions"):
        score(np.array([1.0, np.nan, 2.0]), np.array([np.nan, 1.0, 2.0]), eras)


def test_payouts_are_clipped_and_need_both_scores():
    corr = Scores(np.array([1, 2, 3, 4]), np.array([0.1, 0.02, np.nan, 0.01]))
    mmc = Scores(np.array([1, 2, 3, 5]), np.array([0.05, -0.03, 0.01, 0.01]))
    paid = payout_per_era(
        corr, mmc, corr_multiplier=0.5, mmc_multiplier=2.0, factor=0.7, clip=0.05
    )
    assert paid.eras.tolist() == [1, 2, 3]
    np.testing.assert_allclose(paid.values, [0.05, -0.035, np.nan])


def test_perfect_order_earns_one():
    targets = np.array([0.0, 0.5, 1.0])
    eras = np.array([1, 1, 1])
    assert corr_per_era(targets, targets, eras).values[0] == pytest.approx(1.0)
    assert corr_per_era(-targets, targets, eras).values[0] == pytest.approx(-1.0)


def test_equal_predictions_have_no_corr():
    eras = np.array([1, 1, 2, 2])
    scores = corr_per_era(
        np.array([0.3, 0.3, 0.1, 0.2]), np.array([0.0, 1.0, 0.0, 1.0]), eras
    )
    assert np.isnan(scores.values).tolist() == [True, False]


@pytest.mark.parametrize("target", [0.1, 0.7, 1 / 3])
def test_equal_targets_have_no_corr(target):
    """Their mean may differ from them by a rounding error, which is no signal."""
    scores = corr_per_era(np.arange(7.0), np.full(7, target), np.ones(7, dtype=int))
    assert np.isnan(scores.values).all()


def test_equal_predictions_contribute_nothing_and_an_equal_reference_is_undefined():
    eras = np.array([1, 1, 1])
    targets = np.array([0.0, 0.5, 1.0])
    ascending, equal = np.arange(3.0), np.ones(3)
    assert contribution_per_era(equal, ascending, targets, eras).values == [0.0]
    assert np.isnan(contribution_per_era(ascending, equal, targets, eras).values).all()


def test_a_copy_of_the_reference_contributes_nothing():
    rng = np.random.default_rng(0)
    copied = rng.normal(size=500)
    targets = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], size=500)
    scores = contribution_per_era(copied * 3 + 1, copied, targets, np.ones(500, int))
    assert abs(scores.values[0]) < TOLERANCE


def test_an_era_without_two_targets_is_refused_by_number():
    with pytest.raises(
        DataError,
        match=r"^era 12 has 1 of 3 rows with a target, but a score needs 2\. "
        r"Leave this era out\.$",
    ):
        corr_per_era(
            np.arange(5.0),
            np.array([0.0, 1.0, 0.5, np.nan, np.nan]),
            np.array([1, 1, 12, 12, 12]),
        )


def test_broken_predictions_are_counted_and_their_eras_named():
    with pytest.raises(
        DataError,
        match=r"^2 of 4 predictions, in era 3, 5, are NaN or infinite\. "
        r".*lower its learning_rate",
    ):
        corr_per_era(
            np.array([np.nan, 1.0, np.inf, 2.0]), np.ones(4), np.array([5, 5, 3, 3])
        )


def test_of_many_broken_eras_five_are_named():
    eras = np.arange(10)
    with pytest.raises(DataError, match=r"in era 0, 1, 2, 3, 4 and 5 more, are"):
        rank_per_era(np.full(10, np.nan), eras)


def test_lengths_must_agree():
    with pytest.raises(
        DataError,
        match=r"^there are 3 predictions, 2 targets for 3 eras\. "
        r"Pass one of each per row\.$",
    ):
        corr_per_era(np.ones(3), np.ones(2), np.ones(3, dtype=int))


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="there are no rows to score"):
        corr_per_era(np.array([]), np.array([]), np.array([], dtype=int))
