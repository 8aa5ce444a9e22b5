"""The files of a tiny simulated market, made once for all tests."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from numerai_simulator import open_simulator, preset

MadeOnce = Callable[[str, Callable[[Path], object]], Path]


def write_market(folder: Path) -> None:
    """Write the market's files, without the state of a tournament."""
    open_simulator(folder, preset("tiny")).close()
    (folder / "state.sqlite").unlink()


@pytest.fixture(scope="session")
def tiny_market(made_once: MadeOnce) -> Callable[[Path], Path]:
    """Return what makes a simulator's folder in which the tiny market is written."""
    made = made_once("tiny-market", write_market)
    return lambda folder: Path(shutil.copytree(made, folder))
