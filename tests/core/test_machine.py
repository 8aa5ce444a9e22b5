import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.core import ConfigError, memory_bytes, parse_bytes, show_bytes


def test_this_machine_has_memory() -> None:
    assert 10**9 < memory_bytes() < 10**14


@pytest.mark.parametrize(
    ("text", "expected"),
    [("800MB", 800e6), ("2 gb", 2e9), ("0.5TB", 5e11), ("25%", 4e9), ("100 B", 100)],
)
def test_sizes_as_people_write_them(text: str, expected: float) -> None:
    assert parse_bytes(text, whole=16 * 10**9) == expected


@pytest.mark.parametrize("text", ["", "12", "GB", "-1GB", "1,5GB", "0MB", "2 GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"is not a valid size\. Write 800MB, 1\.5GB or 25%\."
    ):
        parse_bytes(text, whole=1)


@given(st.integers(1, 10**15))
def test_what_is_shown_is_read_back_nearly(amount: int) -> None:
    shown = parse_bytes(show_bytes(amount), whole=0)
    assert abs(shown - amount) <= 0.06 * amount
