"""A running simulator, the real client pointed at it, and predictions to send."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numerapi
import numpy as np
import pandas as pd
import pytest
import tqdm
from click.testing import CliRunner, Result
from numerapi import base_api
from numerapi.cli import cli as numerapi_cli

from numerai_simulator import (
    DEFAULT_START,
    MarketSpec,
    RunningSimulator,
    Simulator,
    preset,
    running_simulator,
)
from numerai_simulator.clock import VirtualClock, parse_time

KEYS = ("SIMULATED", "SIMULATED")


@dataclass(frozen=True)
class World:
    """A running simulator with everything that a test does to it."""

    running: RunningSimulator

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def simulator(self) -> Simulator:
        return self.running.simulator

    @property
    def first_round(self) -> int:
        return self.simulator.timetable.first_round

    def move_to(self, moment: str | datetime) -> None:
        """Move the clock through the admin endpoint."""
        text = moment if isinstance(moment, str) else moment.isoformat()
        answer = self.admin({"move_to": text})
        assert parse_time(answer["now"]) == parse_time(text)

    def admin(self, order: dict[str, Any]) -> dict[str, Any]:
        return self.send("/admin/clock", order)

    def send(self, path: str, body: object, **headers: str) -> dict[str, Any]:
        # Months may pass within one call.
        response = httpx.post(
            self.url + path,
            json=body,
            headers=headers,
            timeout=60,
            verify=False,  # noqa: S501 - no certificates are needed on this machine
        )
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """Send a GraphQL document as the account."""
        return self.send(
            "/",
            {"query": query, "variables": variables or None},
            Authorization="Token SIMULATED$SIMULATED",
        )

    def live_ids(self, number: int | None = None) -> list[str]:
        market = self.simulator.market
        return list(market.live_ids(number or self.first_round))

    def predictions(self, number: int | None = None, seed: int = 1) -> pd.DataFrame:
        """Return valid predictions for a round, better than chance."""
        number = number or self.first_round
        truth = self.simulator.market.truth(number, 20)
        noise = np.random.default_rng(seed).normal(size=len(truth))
        values = (truth + noise).rank(pct=True) * 0.98 + 0.01
        return pd.DataFrame({"id": truth.index, "prediction": values.to_numpy()})


@pytest.fixture(scope="session")
def spec() -> MarketSpec:
    return preset("tiny")


@pytest.fixture
def folder(tmp_path: Path, tiny_market: Callable[[Path], Path]) -> Path:
    """A fresh folder with the market's files and no state."""
    return tiny_market(tmp_path / "simulated")


def threads_left(before: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that were started since and do not end."""
    left = set(threading.enumerate()) - before
    for thread in left:
        # Worker threads are asked to end, not waited for; numerapi's progress bars
        # keep a thread for good.
        if not isinstance(thread, tqdm.TMonitor):
            thread.join(timeout=5)
    return [
        thread
        for thread in left
        if thread.is_alive() and not isinstance(thread, tqdm.TMonitor)
    ]


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    """A simulator of its own, five minutes into its first round."""
    before = set(threading.enumerate())
    with running_simulator(folder, clock=VirtualClock(DEFAULT_START)) as running:
        yield World(running)
    assert not threads_left(before)


@pytest.fixture(scope="module")
def shared_world(
    tiny_market: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A simulator for the tests of a module that only read."""
    folder = tiny_market(tmp_path_factory.mktemp("shared") / "simulated")
    with running_simulator(folder) as running:
        yield World(running)


Connect = Callable[[World], numerapi.NumerAPI]


@pytest.fixture
def connect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[World], numerapi.NumerAPI]:
    """Point numerapi at a simulator; its files land in an empty folder."""

    def connected(world: World) -> numerapi.NumerAPI:
        here = tmp_path / "here"
        here.mkdir()
        monkeypatch.chdir(here)
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", world.url)
        monkeypatch.setenv("NUMERAI_PUBLIC_ID", KEYS[0])
        monkeypatch.setenv("NUMERAI_SECRET_KEY", KEYS[1])
        return numerapi.NumerAPI(verbosity="critical", show_progress_bars=False)

    return connected


@pytest.fixture
def api(world: World, connect: Connect) -> numerapi.NumerAPI:
    """The client with the account's keys, on a simulator of its own."""
    return connect(world)


@pytest.fixture
def shared_api(shared_world: World, connect: Connect) -> numerapi.NumerAPI:
    """The client on the simulator that a module's reading tests share."""
    return connect(shared_world)


@pytest.fixture
def command() -> Callable[..., Result]:
    """Run numerapi's own command line; needs one of the two clients above."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(numerapi_cli, list(arguments))
        assert result.exit_code == 0, (result.output, result.exception)
        return result

    return run
