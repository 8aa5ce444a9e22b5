"""Rounds as numerapi sees them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from numerapi import base_api

from numerai_simulator import running_simulator
from numerai_simulator.clock import VirtualClock, parse_time


class ClientClock:
    """Stands in for ``datetime.datetime`` in numerapi, which asks the real time."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self, tz: object) -> datetime:
        del tz
        return self.moment


@pytest.fixture
def client_time(monkeypatch: pytest.MonkeyPatch) -> ClientClock:
    clock = ClientClock(datetime(2026, 11, 24, 12, 5, tzinfo=UTC))
    monkeypatch.setattr(
        base_api, "datetime", SimpleNamespace(datetime=clock, timedelta=timedelta)
    )
    return clock


def test_the_current_round_is_the_one_that_opened_last(world, api) -> None:
    first = world.first_round
    assert api.get_current_round() == first
    world.move_to("2026-11-24T23:00:00Z")  # its window has ended
    assert api.get_current_round() == first
    world.move_to("2026-11-25T12:00:00Z")
    assert api.get_current_round() == first + 1


def test_a_round_is_open_for_numerapi_while_its_window_lasts(
    world, api, client_time
) -> None:
    for moment, is_open, is_new in [
        ("2026-11-24T12:05:00Z", True, True),
        ("2026-11-24T13:00:00Z", False, True),
        ("2026-11-25T01:00:00Z", False, False),
        ("2026-11-28T20:00:00Z", True, True),  # Saturday's window, to Sunday 14:00
        ("2026-11-29T13:59:00Z", True, False),
        ("2026-11-29T14:00:00Z", False, False),
    ]:
        world.move_to(moment)
        client_time.moment = parse_time(moment)
        assert (api.check_round_open(), api.check_new_round()) == (is_open, is_new)


@pytest.mark.usefixtures("client_time")
def test_before_the_first_round_numerais_error_is_answered(folder, connect) -> None:
    monday = VirtualClock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    with running_simulator(folder, clock=monday) as running:
        api = connect(running)
        assert api.check_round_open() is False
        assert api.check_new_round() is False
        with pytest.raises(ValueError, match="Current round not open for submissions"):
            api.get_current_round()
        with pytest.raises(ValueError, match="Current round not open for submissions"):
            api.download_dataset("v5.3/live.parquet")
        first = running.simulator.timetable.first_round
        assert api.list_rounds(limit=1)[0]["number"] == first - 1
        (upcoming,) = api.list_rounds(status="upcoming")
        assert upcoming["number"] == first
        assert upcoming["openTime"] == datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_round_has_all_that_numerapi_reads(world, api) -> None:
    (entry,) = api.list_rounds(number=world.first_round)
    assert entry["tournament"] == 8
    assert entry["openTime"] == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert entry["closeStakingTime"] == entry["closeTime"]
    assert entry["closeTime"] == datetime(2026, 11, 24, 13, tzinfo=UTC)
    assert entry["scoreTime"] == datetime(2026, 11, 28, 20, tzinfo=UTC)
    assert entry["resolveTime"] == datetime(2026, 12, 25, 20, tzinfo=UTC)
    assert entry["dataDatestamp"] == 20261121
    assert entry["resolvedGeneral"] is False
    assert isinstance(entry["payoutFactor"], Decimal)
    assert 0 < entry["payoutFactor"] <= 1
    configs = {config["displayName"]: config for config in entry["roundScoreConfigs"]}
    assert {
        name: (config["defaultMultiplier"], config["isPayout"])
        for name, config in configs.items()
    } == {
        "canon_corr": (0.75, True),
        "canon_mmc": (2.25, True),
        "canon_bmc": (0.0, False),
    }
    corr = configs["canon_corr"]
    assert (corr["name"], corr["version"]) == ("correlation", "1")
    assert (corr["totalScoreDays"], corr["clipThreshold"]) == (20, 0.05)
    assert corr["scoringEnd"] == entry["resolveTime"]


def test_rounds_are_filtered_by_status_target_and_limit(world, api) -> None:
    first = world.first_round
    world.move_to("2026-11-26T12:30:00Z")

    def numbers(**filters: object) -> list[int]:
        return [entry["number"] for entry in api.list_rounds(**filters)]

    assert numbers(limit=3) == [first + 2, first + 1, first]
    assert numbers(status="open") == [first + 2]
    assert numbers(status="upcoming") == [first + 3]
    assert numbers(status="resolving", limit=2) == [first + 1, first]
    resolved = api.list_rounds(status="resolved", limit=2)
    assert all(entry["resolvedStaking"] for entry in resolved)
    assert all(
        entry["resolveTime"] <= datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
        for entry in resolved
    )
    assert numbers(target="main", limit=1) == [first + 2]
    assert numbers(target="other") == []
    assert numbers(number=first + 50) == []


def test_all_rounds_since_the_first_are_competitions(world, api) -> None:
    numbers = [entry["number"] for entry in api.get_competitions()]
    assert numbers == list(range(world.first_round, 0, -1))


@pytest.mark.parametrize(
    ("date", "is_scoring_day", "is_scored"),
    [
        ("2026-11-28", True, True),
        ("2026-11-29", False, False),
        ("2026-12-05", True, False),
    ],
)
def test_the_pipeline_runs_on_score_days(
    world, api, date: str, is_scoring_day: bool, is_scored: bool
) -> None:
    world.move_to("2026-11-30T00:00:00Z")
    status = api.pipeline_status(date=date)
    assert status["isScoringDay"] is is_scoring_day
    assert (status["scoredAt"] is not None) is is_scored
    assert status["tournament"] == "classic"


def test_a_date_that_is_none_is_refused(shared_api) -> None:
    with pytest.raises(
        ValueError, match="'soon' is not a date; write it like 2026-11-24"
    ):
        shared_api.pipeline_status(date="soon")
