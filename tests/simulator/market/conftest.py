"""A tiny market, written once."""

from pathlib import Path

import pytest

from numerai_simulator.market import Market, preset


@pytest.fixture(scope="session")
def market() -> Market:
    return Market(preset("tiny"))


@pytest.fixture(scope="session")
def folder(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("market")
    market.write(home)
    market.write_live(home, "v5.3", market.spec.first_round)
    return home
