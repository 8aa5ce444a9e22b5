import re

import pytest

from numerai_simulator.errors import SetupError
from numerai_simulator.market import preset


def test_presets_grow() -> None:
    sizes = [preset(size) for size in ("tiny", "small", "full")]
    assert [spec.size for spec in sizes] == ["tiny", "small", "full"]
    assert sorted(s.n_features for s in sizes) == [s.n_features for s in sizes]
    full = sizes[-1]
    assert (full.n_train_eras, full.min_rows, full.max_rows) == (574, 2_000, 6_900)


def test_rounds_are_business_days_after_the_last_era() -> None:
    spec = preset("tiny")
    assert spec.round_day(spec.first_round) == 5 * (spec.n_eras + 1)
    assert spec.round_day(spec.first_round + 5) == 5 * (spec.n_eras + 2)
    with pytest.raises(SetupError, match="begins with round 1385; round 842 is bef"):
        spec.round_day(842)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({"n_features": 39}, "'n_features' is 39, but input should be greater than"),
        ({"n_features": 2_749}, "'n_features' is 2749, but input should be less than"),
        ({"max_rows": 99}, "max_rows 99 must be at least min_rows 100"),
        ({"signal": 0.9}, "'signal' is 0.9, but"),
        ({"n_train_eras": 0}, "'n_train_eras' is 0, but"),
        ({"n_train_eras": 9_999}, "there are at most 9,999"),
        ({"rows": 5}, "market 'tiny' has no key 'rows'. Did you mean 'min_rows'?"),
    ],
)
def test_an_impossible_market_is_refused(
    override: dict[str, int], sentence: str
) -> None:
    with pytest.raises(SetupError, match=re.escape(sentence)):
        preset("tiny", **override)


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(
        SetupError, match=r"no market of size 'huge'\. Take tiny, small"
    ):
        preset("huge")
