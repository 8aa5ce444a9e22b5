from pathlib import Path

import pytest

from numerai_simulator.errors import BrokenFolder
from numerai_simulator.server.state import State


@pytest.fixture
def state(tmp_path: Path):
    state = State(tmp_path / "state.sqlite")
    yield state
    state.close()


def test_a_transaction_happens_wholly_or_not_at_all(state: State) -> None:
    def stopped() -> None:
        with state.transaction():
            state.set("a", "1")
            with state.transaction():
                state.set("b", "2")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    assert state.setting("a") is None
    assert state.setting("b") is None
    with state.transaction():
        state.set("a", "1")
    assert state.setting("a") == "1"


def test_what_was_set_is_there_after_reopening(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    state.set("key", "value")
    state.close()
    again = State(tmp_path / "state.sqlite")
    assert again.setting("key") == "value"
    again.close()


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\x00" * 9])
def test_a_broken_state_is_named(tmp_path, content):
    path = tmp_path / "state.sqlite"
    path.write_bytes(content)
    with pytest.raises(BrokenFolder, match=r"state\.sqlite is broken .* Delete the"):
        State(path)
