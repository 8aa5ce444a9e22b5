from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data import Fold, Scheme, backtest_folds, eras_subset, format_eras

# Some eras may be missing, as where every fourth one was packed.
eras = st.builds(
    range, st.integers(1, 9), st.integers(60, 300), st.sampled_from([1, 1, 4])
)
schemes = st.builds(
    Scheme,
    name=st.sampled_from(["expanding", "blocked"]),
    chunk=st.integers(1, 80),
    every=st.integers(1, 5),
) | st.builds(
    Scheme,
    name=st.just("rolling"),
    chunk=st.integers(1, 80),
    train_eras=st.integers(1, 200),
    every=st.integers(1, 5),
)
purges = st.sampled_from([0, 2, 8, 16])


def folds_of(eras: range, scheme: Scheme, purge: int) -> list[Fold]:
    try:
        return backtest_folds(eras, scheme, purge=purge)
    except ConfigError:  # no era is left to learn from
        return []


@settings(max_examples=60, deadline=None)
@given(eras, schemes, purges)
def test_each_era_is_predicted_once_and_learned_from_a_purge_away(
    eras: range, scheme: Scheme, purge: int
) -> None:
    folds = folds_of(eras, scheme, purge)
    predicted = [era for fold in folds for era in fold.test]
    assert len(predicted) == len(set(predicted))
    assert set(predicted) <= set(eras)
    for fold in folds:
        assert fold.train
        assert len(fold.validation) >= 4
        assert len(fold.test) == scheme.chunk or fold.test[-1] == eras[-1]
        for one, others in (
            (fold.train, (*fold.validation, *fold.test)),
            (fold.validation, fold.test),
        ):
            # The distance in era numbers, in both directions.
            near = {era + gap for era in one for gap in range(-purge, purge + 1)}
            assert near.isdisjoint(others)
        if not scheme.learns_from_future:
            assert max(*fold.train, *fold.validation) + purge < fold.test[0]


@settings(max_examples=60, deadline=None)
@given(eras, schemes, purges)
def test_nothing_is_left_out_but_the_purge_and_every_nth_era(
    eras: range, scheme: Scheme, purge: int
) -> None:
    whole = {
        fold.test: fold for fold in folds_of(eras, replace(scheme, every=1), purge)
    }
    for fold in folds_of(eras, scheme, purge):
        every_nth = set(eras[:: scheme.every])
        assert fold.train == tuple(
            era for era in whole[fold.test].train if era in every_nth
        )
        assert fold.validation == whole[fold.test].validation
        if scheme.train_eras is None:
            before = [era for era in eras if era < fold.test[0] - purge]
            assert fold.train[0] == eras[0] or scheme.learns_from_future
            assert scheme.learns_from_future or fold.validation[-1] == before[-1]
        else:
            n_eras = len(whole[fold.test].train) + len(fold.validation)
            assert n_eras <= scheme.train_eras


def test_numerais_own_scheme() -> None:
    folds = backtest_folds(range(1, 1_200), Scheme(), purge=8)
    parts = [(fold.train, fold.validation, fold.test) for fold in folds[:2]]
    assert [tuple(map(format_eras, each)) for each in parts] == [
        ("1-125", "134-148", "157-312"),
        ("1-266", "275-304", "313-468"),
    ]
    assert format_eras(folds[-1].test) == "1093-1199"


def test_a_blocked_fold_learns_from_both_sides_of_its_chunk() -> None:
    folds = backtest_folds(range(1, 61), Scheme("blocked", chunk=20), purge=2)
    assert [format_eras(fold.train) for fold in folds] == [
        "23-54",
        "1-18,43-54",
        "1-32",
    ]
    assert format_eras(folds[1].validation) == "57-60"


def test_every_nth_era_of_those_that_the_recipe_learns_from() -> None:
    (fold,) = backtest_folds(
        range(1, 61),
        Scheme(chunk=30, every=2),
        purge=2,
        learns_from=eras_subset("every:4"),
    )
    assert fold.train == (4, 12, 20)
    assert format_eras(fold.validation) == "25-28"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": 0}, "--chunk is 0. Write a number from 1 on"),
        ({"every": -1}, "--every is -1"),
        ({"name": "rolling"}, "the scheme 'rolling' needs --train-eras"),
        ({"train_eras": 30}, "no other scheme takes it"),
    ],
)
def test_a_scheme_that_makes_no_sense_is_refused(
    options: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Scheme(**options)


def test_eras_that_make_no_fold_are_refused() -> None:
    with pytest.raises(
        ConfigError,
        match=r"none of the 2 chunks of 10 eras can be predicted: of 20 eras, 1-20, "
        r"too few are left to learn from after a purge of 8. Lower --chunk",
    ):
        backtest_folds(range(1, 21), Scheme(chunk=10), purge=8)
