"""The admin endpoint: what the simulator is at, and moving its clock."""

from datetime import UTC, datetime

import httpx
import pytest

from numerai_simulator import running_simulator
from numerai_simulator.clock import SystemClock

JSON = {"Content-Type": "application/json"}


def state(world) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{world.url}/admin/state").json()
    return found


def test_the_state_tells_time_round_and_submissions(world, api) -> None:
    found = state(world)
    assert found["now"] == "2026-11-24T12:05:00Z"
    assert found["current_round"] == world.first_round
    assert found["is_open"] is True
    assert found["next_opening"] == "2026-11-25T12:00:00Z"
    assert found["market"]["size"] == "tiny"
    assert found["submissions"] == []
    model_id = api.get_models()["sim_mlp"]
    submission_id = api.upload_predictions(df=world.predictions(), model_id=model_id)
    (listed,) = state(world)["submissions"]
    assert listed["id"] == submission_id
    assert (listed["model"], listed["round"]) == ("sim_mlp", world.first_round)
    assert (listed["is_late"], listed["is_selected"]) == (False, True)


def test_the_clock_moves_in_three_ways(world) -> None:
    assert world.admin({"advance_seconds": 3_300})["now"] == "2026-11-24T13:00:00Z"
    assert state(world)["is_open"] is False
    moved = world.admin({"to": "next_open"})
    assert (moved["now"], moved["is_open"]) == ("2026-11-25T12:00:00Z", True)
    assert moved["current_round"] == world.first_round + 1
    moved = world.admin({"move_to": "2026-11-29T13:00:00+01:00"})
    assert (moved["now"], moved["is_open"]) == ("2026-11-29T12:00:00Z", True)
    moved = world.admin({"to": "next_open"})  # Sunday and Monday open nothing
    assert moved["now"] == "2026-12-01T12:00:00Z"


def test_the_clock_never_goes_back(world) -> None:
    for order in ({"move_to": "2026-11-24T12:00:00Z"}, {"advance_seconds": -1}):
        answer = httpx.post(f"{world.url}/admin/clock", json=order)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(
            "the clock stands at 2026-11-24T12:05:00Z and never goes back"
        )
    assert state(world)["now"] == "2026-11-24T12:05:00Z"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"move_to": "tomorrow"}',
        b'{"move_to": "2026-11-25T12:00:00"}',
        b'{"advance_seconds": "x"}',
        b'{"advance_seconds": 1e30}',
        b'{"to": "the_moon"}',
        b'{"to": "next_open", "advance_seconds": 1}',
        b"\xff",
    ],
)
def test_an_order_that_moves_no_clock_is_explained(shared_world, body: bytes) -> None:
    answer = httpx.post(f"{shared_world.url}/admin/clock", content=body, headers=JSON)
    assert answer.status_code == 400
    assert 'moves no clock. Send {"move_to": ' in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "127.0.0.1@evil.example"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/admin/clock", "/", "/admin/state"])
def test_a_web_page_cannot_drive_it(
    shared_world, path: str, headers: dict[str, str]
) -> None:
    method = "GET" if path.endswith("state") else "POST"
    answer = httpx.request(
        method, shared_world.url + path, json={"to": "next_open"}, headers=headers
    )
    assert answer.status_code == 403
    assert state(shared_world)["now"] == "2026-11-24T12:05:00Z"


def test_programs_of_this_machine_may_ask_under_its_names(shared_world) -> None:
    port = shared_world.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"[::1]:{port}", "127.0.0.1"):
        headers = {"Host": host, "Origin": f"http://{host}"}
        answer = httpx.get(f"{shared_world.url}/admin/state", headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_an_order_must_be_sent_as_json(shared_world, kind: str) -> None:
    for path in ("/admin/clock", "/"):
        answer = httpx.post(
            shared_world.url + path,
            content=b'{"move_to": "2099-01-01T00:00Z"}',
            headers={"Content-Type": kind},
        )
        assert answer.status_code == 415
        assert "Content-Type: application/json" in answer.text
    assert state(shared_world)["now"] == "2026-11-24T12:05:00Z"


def test_the_machines_clock_cannot_be_moved(folder) -> None:
    with running_simulator(folder, clock=SystemClock()) as running:
        answer = httpx.post(f"{running.url}/admin/clock", json={"to": "next_open"})
        now = httpx.get(f"{running.url}/admin/state").json()["now"]
    assert answer.status_code == 400
    assert "runs on the machine's clock, which cannot be moved" in answer.text
    assert abs(datetime.fromisoformat(now) - datetime.now(UTC)).total_seconds() < 60
