import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data.etl.splits import latest, purged

eras = st.lists(st.integers(1, 1_200), min_size=2, unique=True).map(sorted)


@given(eras, st.floats(0.01, 0.99), st.integers(0, 20))
def test_no_era_is_lost_and_none_is_on_two_sides(
    eras: list[int], share: float, purge: int
) -> None:
    held_out = latest(eras, share=share)
    try:
        split = purged(eras, valid=held_out, purge=purge)
    except ConfigError:
        assert not [era for era in eras if era < held_out[0] - purge]
        return
    assert [*split.train, *split.purged, *split.valid] == eras
    assert min(split.valid) - max(split.train) > purge
    assert all(min(split.valid) - era <= purge for era in split.purged)
    assert [split.side(era) for era in (split.train[0], split.valid[0])] == [
        "train",
        "valid",
    ]


@pytest.mark.parametrize(
    ("share", "count"), [(0.2, 2), (0.01, 1), (0.25, 2), (0.99, 10)]
)
def test_the_share_is_one_of_eras(share: float, count: int) -> None:
    assert len(latest(range(1, 11), share=share)) == count


def test_a_purge_counts_era_numbers() -> None:
    every_fourth = [4, 8, 12, 16, 20]
    split = purged(every_fourth, valid=[20], purge=8)
    assert (split.train, split.purged) == ((4, 8), (12, 16))


def test_a_purge_that_leaves_nothing_says_the_numbers() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no era would be left to train on: 2 of 10 eras are held out, from era "
        r"0009 on, and of the 8 before them a purge of 16 drops all",
    ):
        purged(range(1, 11), valid=[9, 10], purge=16)


def test_nothing_to_hold_out_is_refused() -> None:
    with pytest.raises(ConfigError, match="no era would be held out"):
        purged([1, 2, 3], valid=[], purge=1)
