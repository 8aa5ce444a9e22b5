from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data.folds import (
    MIN_TEST_ERAS,
    Fold,
    default_fold,
    eras_subset,
    format_eras,
    latest,
    rolling_folds,
    split_eras,
)

eras = st.lists(st.integers(1, 1_200), min_size=2, unique=True).map(sorted)


def distance(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return min(
        (abs(first - second) for first in one for second in other), default=9_999
    )


@given(eras, st.floats(0.01, 0.99), st.integers(0, 20))
def test_no_era_is_in_two_parts_and_the_parts_are_a_purge_apart(
    eras: list[int], share: float, purge: int
) -> None:
    chosen = latest(eras, share=share)
    try:
        fold = split_eras(eras, validation=chosen, purge=purge)
    except ConfigError:
        assert not [era for era in eras if era < chosen[0] - purge]
        return
    left_out = set(eras) - {*fold.train, *fold.validation}
    assert fold.validation == chosen
    assert distance(fold.train, fold.validation) > purge
    assert all(chosen[0] - era <= purge for era in left_out)


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(0, 20),
    st.sampled_from(["1-", "every:4", "odd", "every:9:1"]),
)
def test_the_default_fold_keeps_its_parts_a_purge_apart(
    n_train: int, n_valid: int, purge: int, subset: str
) -> None:
    splits = {
        "train": range(1, n_train + 1),
        "valid": range(n_train + 1, n_train + n_valid + 1),
    }
    is_chosen = eras_subset(subset)
    try:
        fold = default_fold(splits, purge=purge, learns_from=is_chosen)
    except ConfigError:
        assert not [e for e in splits["train"] if is_chosen(e) and e <= n_train - purge]
        return
    parts = [fold.train, fold.validation, fold.test]
    assert all(distance(*pair) > purge for pair in combinations(parts, 2))
    assert all(is_chosen(era) for era in fold.train)
    assert not fold.test or len(fold.test) >= MIN_TEST_ERAS
    assert set(fold.test) <= set(fold.unseen(splits["valid"]))
    assert Fold.from_dict(fold.to_dict()) == fold


def test_a_quarter_of_the_validation_eras_chooses_and_the_rest_tests() -> None:
    fold = default_fold({"train": range(1, 575), "valid": range(583, 1_183)}, purge=8)
    assert fold.to_dict() == {
        "train": "1-574",
        "validation": "583-732",
        "test": "741-1182",
        "purge": 8,
        "by_rows": False,
    }


def test_too_few_eras_to_test_on_all_choose() -> None:
    fold = default_fold({"train": range(1, 31), "valid": range(31, 43)}, purge=8)
    assert (format_eras(fold.validation), fold.test) == ("31-42", ())


def test_a_test_split_of_the_shards_is_kept() -> None:
    splits = {"train": range(1, 9), "valid": range(20, 40), "test": range(50, 60)}
    fold = default_fold(splits, purge=8)
    assert (format_eras(fold.validation), format_eras(fold.test)) == ("20-39", "50-59")


def test_shards_split_by_rows_make_a_fold_that_says_so() -> None:
    fold = default_fold({"train": range(1, 9), "valid": range(1, 9)}, purge=8)
    assert fold.by_rows
    assert fold.part("validation").split == "valid"
    assert fold.unseen(range(1, 9)) == ()


def test_a_recipe_that_learns_from_no_era_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"learns from none of the 22 training eras"):
        default_fold(
            {"train": range(1, 31), "valid": range(31, 63)},
            purge=8,
            learns_from=eras_subset("500-"),
        )


def test_eras_are_unseen_beyond_the_purge_on_both_sides() -> None:
    fold = Fold((20, 21), (30,), purge=4)
    assert fold.unseen(range(10, 40)) == (*range(10, 16), *range(35, 40))


@given(st.integers(5, 60), st.integers(1, 8), st.integers(1, 8), st.integers(0, 16))
def test_rolling_folds_are_whole_and_purged(
    n_eras: int, width: int, step: int, purge: int
) -> None:
    for fold in rolling_folds(
        range(1, n_eras + 1), width=width, step=step, purge=purge
    ):
        assert len(fold.train) == len(fold.validation) == width
        assert fold.validation[0] - fold.train[-1] == purge + 1


@pytest.mark.parametrize(
    ("share", "count"), [(0.2, 2), (0.01, 1), (0.25, 2), (0.99, 10)]
)
def test_the_share_is_one_of_eras(share: float, count: int) -> None:
    assert len(latest(range(1, 11), share=share)) == count


def test_a_purge_counts_era_numbers() -> None:
    fold = split_eras([4, 8, 12, 16, 20], validation=[20], purge=8)
    assert fold.train == (4, 8)


def test_a_purge_that_leaves_nothing_says_the_numbers() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no era would be left to train on: 2 of 10 eras validate or test, from "
        r"era 0009 on, and of the 8 before them a purge of 16 drops all",
    ):
        split_eras(range(1, 11), validation=[9, 10], purge=16)


def test_nothing_to_validate_on_is_refused() -> None:
    with pytest.raises(ConfigError, match="no era would be left to validate on"):
        split_eras([1, 2, 3], validation=[], purge=1)


@given(st.integers(1, 20), st.data())
def test_remainders_share_the_eras_among_them(step: int, data: st.DataObject) -> None:
    era = data.draw(st.integers(1, 1_200))
    found = [eras_subset(f"every:{step}:{rest}")(era) for rest in range(step)]
    assert found.count(True) == 1
    assert found[era % step]


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 9)), min_size=1))
def test_ranges_hold_both_ends(spans: list[tuple[int, int]]) -> None:
    text = ",".join(f"{first}-{first + more}" for first, more in spans)
    expected = {era for first, more in spans for era in range(first, first + more + 1)}
    assert {era for era in range(120) if eras_subset(text)(era)} == expected


def test_open_ends_and_single_eras() -> None:
    is_chosen = eras_subset("-2, 7, 300-")
    chosen = [era for era in (1, 2, 3, 7, 299, 300, 1_198) if is_chosen(era)]
    assert chosen == [1, 2, 7, 300, 1_198]


@pytest.mark.parametrize(
    "text", ["", "evens", "every:0", "every:4:4", "every:", "5-3", "1-2-3", "-", "1,"]
)
def test_text_that_chooses_no_eras_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"does not choose eras\. Write even, odd"):
        eras_subset(text)
