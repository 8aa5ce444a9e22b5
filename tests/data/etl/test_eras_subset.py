import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data.etl.eras_subset import eras_subset


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
    assert [era for era in (1, 2, 3, 7, 299, 300, 1_198) if is_chosen(era)] == [
        1,
        2,
        7,
        300,
        1_198,
    ]


@pytest.mark.parametrize(
    "text", ["", "evens", "every:0", "every:4:4", "every:", "5-3", "1-2-3", "-", "1,"]
)
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no choice of eras\. Write even, odd"):
        eras_subset(text)
