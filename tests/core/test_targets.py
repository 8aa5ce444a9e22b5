import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.core import ConfigError, Neutral, Target, columns, parse_target

NAMES = st.lists(
    st.sampled_from(["target", "target_a_20", "target_b_60", "target_c_20"]),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)
WEIGHTS = st.floats(allow_nan=False, allow_infinity=False).filter(bool)
NEUTRAL = st.builds(
    Neutral,
    st.sampled_from(["features", "benchmark"]),
    st.sampled_from(["small", "v53_lgbm_ender20"]),
    st.floats(0, 1, exclude_min=True),
)
TARGETS = NAMES.flatmap(
    lambda names: st.builds(
        Target,
        st.just(names),
        st.one_of(st.just(()), st.tuples(*[WEIGHTS for _ in names]).map(tuple)),
        st.none() | NEUTRAL,
    )
)


@settings(max_examples=50)
@given(TARGETS, st.sampled_from([" ", "  ", "\n\t"]))
def test_a_text_is_read_as_what_it_was_written_from(target: Target, space: str) -> None:
    text = str(target)
    assert parse_target(text) == target
    assert str(parse_target(f"{space}{text.replace(' ', space)}{space}")) == text


@settings(max_examples=50)
@given(TARGETS)
def test_the_longest_horizon_of_its_parts_decides(target: Target) -> None:
    has_60 = "target_b_60" in target.names
    assert columns.horizon_days(str(target)) == (60 if has_60 else 20)
    assert columns.horizon_eras(str(target)) == (12 if has_60 else 4)
    assert columns.purge_eras((str(target), "target")) == (16 if has_60 else 8)


@settings(max_examples=50)
@given(TARGETS, TARGETS)
def test_different_targets_have_folders_of_different_names(
    one: Target, other: Target
) -> None:
    assert (one == other) == (one.folder_name == other.folder_name)
    assert set(one.folder_name) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
    )
    assert len(one.folder_name) < 64


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is not a weight and a target's name"),
        ("target_a target_b", "'target_a target_b' is not a weight"),
        ("0.5 a 0.5 b", "'0.5 b' is not a weight and a target's name"),
        ("0.5 a + b", "'\\+ b' is not a weight"),
        ("0.5.5 a", "'0.5.5' is not a number"),
        ("1e999 a", "'1e999' is not a finite number"),
        ("0 a + 1 b", "the weight of 'a' is zero"),
        ("1 a + 1 a", "'a' is named twice"),
        ("mean of a, a", "'a' is named twice"),
        ("mean of a", "a mean needs two targets"),
        ("mean of a,", "'' is not the name of a target"),
        ("mean of a, 0.5 b", "'0.5 b' is not the name of a target"),
        ("a neutral to medium", "nothing can be neutral to 'medium'"),
        ("a neutral to features", "nothing can be neutral to 'features'"),
        ("a neutral to features x at", "nothing can be neutral to 'features x at'"),
        ("a neutral to features x at 0", "the proportion 0 is not above 0"),
        ("a neutral to features x at 1.1", "the proportion 1.1 is not above 0"),
        ("a neutral to features x at half", "'half' is not a number"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_target(text)
