"""What `nai predict` and `nai submit` refuse for a round, against the simulator."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.cli import run
from numerai_pipeline.core import (
    Settings,
    SubmissionSettings,
    TournamentSettings,
    commented_toml,
)
from numerai_simulator import RunningSimulator, running_simulator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator(
    tmp_path_factory: pytest.TempPathFactory, tiny_market: Callable[[Path], Path]
) -> Iterator[RunningSimulator]:
    folder = tiny_market(tmp_path_factory.mktemp("tournament") / "simulator")
    with running_simulator(folder, models=("sim_trees",)) as running:
        yield running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, simulator: RunningSimulator) -> Path:
    """A workspace with two runs of one model; the first is in production."""
    folder = tmp_path_factory.mktemp("workspace")
    settings = Settings(
        tournament=TournamentSettings(simulated=True, url=simulator.url),
        submission=SubmissionSettings(models={"trees": "sim_trees"}),
    )
    (folder / "numerai.toml").write_text(commented_toml(settings))
    for words in (
        ("download",),
        ("etl",),
        ("new", "lightgbm", "trees", "--set", "n_estimators=10"),
        ("train", "trees"),
        ("train", "trees", "--seed", "5"),
    ):
        assert run(["-w", str(folder), "-q", *words]) == 0
    return folder


@pytest.fixture
def nai(root: Path, nai_in: Callable[[Path], Any]) -> Any:
    return nai_in(root)


def open_next_round(simulator: RunningSimulator) -> None:
    timetable = simulator.simulator.timetable
    latest = timetable.latest_opened(simulator.clock.now())
    simulator.simulator.move_to(timetable.opens(latest + 1) + timedelta(minutes=5))


def test_predictions_of_the_run_before_a_promotion_are_refused(
    nai: Any, root: Path, simulator: RunningSimulator
) -> None:
    made = simulator.simulator.submissions
    n_before = len(made.all())
    [predicted] = nai("predict", "trees", "--json")
    old, path = predicted["run"]["id"], Path(predicted["path"])
    runs = {folder.name for folder in (root / "models/trees/runs").glob("2*")}
    [new] = runs - {old}
    nai("promote", "trees", new)
    expected = f"made by the run '{old}', but '{new}' is used now. Run `nai predict`"
    assert expected in nai("submit", "trees", code=3)
    assert len(made.all()) == n_before

    # Predicted again, it is the new run's; in another order, it is nobody's.
    [again] = nai("predict", "trees", "--json")
    assert (again["run"]["id"], again["was_current"]) == (new, False)
    header, *rows = path.read_text().splitlines()
    ids, values = zip(*(row.split(",") for row in rows), strict=True)
    shuffled = [f"{i},{v}" for i, v in zip(ids, values[::-1], strict=True)]
    path.write_text("\n".join([header, *shuffled, ""]))
    assert "not the one that `nai predict` wrote" in nai("submit", "trees", code=3)
    assert len(made.all()) == n_before

    [receipt] = nai("submit", "trees", "--force", "--json")
    assert not receipt["was_already_submitted"]
    assert len(made.all()) == n_before + 1


def test_live_data_of_the_last_round_served_as_the_current_one_is_refused(
    nai: Any, simulator: RunningSimulator
) -> None:
    [predicted] = nai("predict", "trees", "--json")
    last, number = Path(predicted["path"]), predicted["round_number"]
    open_next_round(simulator)
    served = simulator.folder / "live" / str(number + 1)
    shutil.copytree(simulator.folder / "live" / str(number), served)
    assert (
        f"is the live data of round {number}: 127.0.0.1 does not serve that of round "
        f"{number + 1} yet"
    ) in nai("predict", "trees", code=5)
    there = last.parent.with_name(str(number + 1)) / last.name
    assert not there.exists()
    # Put there by hand, yesterday's predictions are refused as well.
    shutil.copy(last, there)
    shutil.copy(last.with_suffix(".json"), there.with_suffix(".json"))
    assert f"holds the live data of round {number}" in nai("submit", "trees", code=3)
    shutil.rmtree(served)
    [fetched] = nai("predict", "trees", "--json")
    assert fetched["round_number"] == number + 1
    assert not fetched["was_current"]
