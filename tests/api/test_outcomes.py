from collections.abc import Callable

import pytest

from numerai_pipeline.api.outcomes import Outcomes, each
from numerai_pipeline.core import DataError, TournamentBusy


def failing(errors: dict[str, Exception]) -> Callable[[str], str]:
    def work(name: str) -> str:
        if name in errors:
            raise errors[name]
        return name.upper()

    return work


def test_work_that_is_done_is_kept_whatever_the_next_one_raises() -> None:
    errors = {"b": RuntimeError("unforeseen"), "c": TournamentBusy("later")}
    outcomes: Outcomes[str] = Outcomes(each("abcd", failing(errors)))
    assert outcomes.results == {"a": "A", "d": "D"}
    assert outcomes.errors == errors
    assert outcomes.exit_code == 70
    records = outcomes.to_dict()
    assert records[0] == "A"
    assert records[1]["exit_code"] == 70
    assert "a bug in numerai-pipeline (RuntimeError)" in records[1]["error"]
    assert records[2] == {"name": "c", "error": "later", "exit_code": 5}


def test_all_done_is_code_0() -> None:
    assert Outcomes(each("ab", failing({}))).exit_code == 0


def test_a_single_name_raises_and_a_missing_one_is_a_key_error() -> None:
    with pytest.raises(DataError):
        each(["a"], failing({"a": DataError("gone")}))
    with pytest.raises(KeyError):
        _ = Outcomes(each("ab", failing({})))["c"]


def test_ctrl_c_ends_everything() -> None:
    def work(_name: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each("ab", work)
