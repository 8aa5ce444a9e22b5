"""Starting and ending: where it listens, what a restart keeps, who holds the folder."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from numerai_simulator import (
    open_simulator,
    preset,
    running_simulator,
    serve,
)
from numerai_simulator.clock import SystemClock, VirtualClock
from numerai_simulator.errors import SetupError

pytestmark = pytest.mark.slow

SERVE = """
import sys
from pathlib import Path
from numerai_simulator import open_simulator, serve
with open_simulator(Path(sys.argv[1])) as simulator:
    for end in range(1, 3):
        serve(simulator, port=0, ready=lambda url: print(url, flush=True))
        print("end", end, flush=True)
"""


Start = Callable[[Path], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Serve a folder in a process of its own; gives it and its url."""
    started = []

    def started_on(folder: Path) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield started_on
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_server_goes_on_where_it_was(folder, connect, start) -> None:
    class Reached:
        def __init__(self, url: str) -> None:
            self.url = url

    process, url = start(folder)
    api = connect(Reached(url))
    model_id = api.get_models()["sim_mlp"]
    api.download_dataset("v5.3/live_example_preds.csv", "predictions.csv")
    submission_id = api.upload_predictions("predictions.csv", model_id=model_id)
    httpx.post(f"{url}/admin/clock", json={"move_to": "2026-12-05T21:00:00Z"})
    scores = api.submission_scores(model_id)
    assert scores
    process.kill()
    process.wait()

    with running_simulator(folder) as running:
        assert running.simulator.clock.now() == datetime(2026, 12, 5, 21, tzinfo=UTC)
        (row,) = running.simulator.submissions.all()
        assert row["id"] == submission_id
        answer = httpx.post(
            running.url,
            json={
                "query": "query($m: ID!) { submissionScores(modelId: $m) { value } }",
                "variables": {"m": model_id},
            },
        ).json()
        values = [entry["value"] for entry in answer["data"]["submissionScores"]]
        assert values == [score["value"] for score in scores]
        httpx.post(f"{running.url}/admin/clock", json={"move_to": "2027-01-01T00:00Z"})
        row = running.simulator.state.row("SELECT COUNT(*) AS n FROM scores")
        assert row["n"] == 60


def test_serve_ends_well_on_a_signal(folder, start) -> None:
    process, url = start(folder)
    assert httpx.get(f"{url}/admin/state").status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "end 1\n"
    url = process.stdout.readline().strip()
    assert httpx.get(f"{url}/admin/state").status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "end 2\n"
    assert process.wait(timeout=120) == 0


def test_a_restart_keeps_time_and_rounds(folder) -> None:
    with running_simulator(folder) as running:
        running.simulator.move_to(datetime(2026, 12, 1, 12, 30, tzinfo=UTC))
        opens = running.simulator.timetable.opens(
            running.simulator.timetable.first_round
        )
    with open_simulator(folder) as simulator:
        assert simulator.clock.now() == datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
        table = simulator.timetable
        assert table.opens(table.first_round) == opens
    # A virtual clock that is behind is brought there, one that is ahead stays.
    behind = VirtualClock(datetime(2026, 11, 24, 12, 5, tzinfo=UTC))
    with open_simulator(folder, clock=behind) as simulator:
        assert simulator.clock.now() == datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
    ahead = VirtualClock(datetime(2027, 1, 1, tzinfo=UTC))
    with open_simulator(folder, clock=ahead) as simulator:
        assert simulator.clock.now() == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_folder_that_is_ahead_of_the_machine_is_refused(folder) -> None:
    future = datetime.now(UTC) + timedelta(days=400)
    open_simulator(folder, clock=VirtualClock(future)).close()
    with pytest.raises(SetupError, match="but the machine's clock says") as caught:
        open_simulator(folder, clock=SystemClock())
    assert "Open it with a virtual clock" in str(caught.value)


def test_a_folder_keeps_its_market(folder, spec) -> None:
    open_simulator(folder, spec).close()
    other = preset("tiny", seed=77)
    with pytest.raises(SetupError) as caught:
        open_simulator(folder, other)
    sentence = str(caught.value)
    assert "holds another market, with seed 1 instead of 77. Take" in sentence
    assert sentence.endswith("or take another folder.")


@pytest.mark.parametrize("edition", [None, 1, 99])
def test_a_market_of_another_version_says_what_to_do(folder, edition) -> None:
    path = folder / "market.json"
    values = json.loads(path.read_text()) | {"edition": edition}
    if edition is None:  # as the first version wrote it
        del values["edition"]
    path.write_text(json.dumps(values))
    with pytest.raises(SetupError, match="made by another version") as caught:
        open_simulator(folder)
    assert "Delete it, and the workspace that was filled from it" in str(caught.value)


def test_a_folder_without_a_market_needs_one(tmp_path) -> None:
    with pytest.raises(SetupError, match="holds no simulated tournament yet"):
        open_simulator(tmp_path / "empty")


def test_a_folder_is_held_by_one_simulator(folder) -> None:
    held = open_simulator(folder)
    with pytest.raises(SetupError, match="simulating a tournament in"):
        open_simulator(folder)
    held.close()
    open_simulator(folder).close()


def test_half_written_files_are_written_again(tmp_path) -> None:
    folder, spec = tmp_path / "small", preset("tiny", n_train_eras=2, min_rows=50)
    open_simulator(folder, spec).close()
    (folder / "files").rename(folder / ".files.12345678.partial")
    with open_simulator(folder, spec) as simulator:
        assert simulator.files.find("v5.3/train.parquet") is not None
    assert not [*folder.glob(".files.*")]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.com", "::"])  # noqa: S104
def test_it_answers_on_this_machine_only(folder, host: str) -> None:
    with open_simulator(folder) as simulator, pytest.raises(SetupError) as caught:
        serve(simulator, host=host)
    assert str(caught.value) == (
        f"the simulator answers on this machine only, not on {host}. "
        "Use 127.0.0.1, ::1 or localhost."
    )


def test_a_taken_port_is_named(folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SetupError, match=f"cannot listen on 127.0.0.1 port {port}"),
            running_simulator(folder, port=port),
        ):
            pass


def test_the_server_ends_with_the_block(folder) -> None:
    # Simulators of other tests may run beside it.
    before = set(threading.enumerate())
    with running_simulator(folder) as running:
        assert running.folder == folder
        httpx.get(f"{running.url}/admin/state")
        assert "simulator" in {one.name for one in set(threading.enumerate()) - before}
    left = set(threading.enumerate()) - before
    assert "simulator" not in {thread.name for thread in left}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/admin/state")


def test_a_port_can_be_taken_again_at_once(folder) -> None:
    with running_simulator(folder) as running:
        port = int(running.url.rpartition(":")[2])
        httpx.get(f"{running.url}/admin/state")
    with running_simulator(folder, port=port) as running:
        assert httpx.get(f"{running.url}/admin/state").status_code == 200


class Teapot:
    """Answers everything itself: the place where faults can come in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"short and stout"})


def test_middleware_is_wrapped_around_everything(folder) -> None:
    with running_simulator(folder, middleware=[Middleware(Teapot)]) as running:
        answer = httpx.post(running.url, json={})
    assert (answer.status_code, answer.text) == (418, "short and stout")
