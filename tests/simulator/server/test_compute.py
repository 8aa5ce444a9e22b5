"""Webhooks, which are called, and pickles, which are kept."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

TRIGGER = "mutation($m: String!) { triggerModelWebhook(modelId: $m) }"


class Hook(BaseHTTPRequestHandler):
    """Answers 200 on /ok and 500 elsewhere, and remembers what came."""

    received: list[object]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200 if self.path == "/ok" else 500)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.received = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_on_this_machine_is_called(world, api, hook) -> None:
    model_id = api.get_models()["sim_mlp"]
    url = f"http://127.0.0.1:{hook.server_port}"
    assert api.set_submission_webhook(model_id, f"{url}/ok") is True
    answer = world.ask(TRIGGER, m=model_id)
    trigger_id = answer["data"]["triggerModelWebhook"]
    assert hook.received == [{"triggerId": trigger_id}]

    api.set_submission_webhook(model_id, f"{url}/broken")
    (error,) = world.ask(TRIGGER, m=model_id)["errors"]
    assert error["message"] == f"the webhook {url}/broken answered 500."

    assert api.set_submission_webhook(model_id) is True
    (error,) = world.ask(TRIGGER, m=model_id)["errors"]
    assert error["message"] == "the model has no webhook: set one first."


def test_a_webhook_elsewhere_is_not_called(world, api) -> None:
    model_id = api.get_models()["sim_mlp"]
    api.set_submission_webhook(model_id, "https://example.com/hook")
    (error,) = world.ask(TRIGGER, m=model_id)["errors"]
    assert error["message"] == (
        "not simulated: calling https://example.com/hook, which is not on this "
        "machine. docs/simulator.md lists what is."
    )


def test_a_webhook_that_nobody_answers_is_named(world, api, hook) -> None:
    model_id = api.get_models()["sim_mlp"]
    hook.socket.close()  # the port is free again, and nobody listens
    url = f"http://127.0.0.1:{hook.server_port}/ok"
    api.set_submission_webhook(model_id, url)
    (error,) = world.ask(TRIGGER, m=model_id)["errors"]
    assert error["message"].startswith(f"the webhook {url} failed:")


def test_a_pickle_is_kept_and_not_run(world, api) -> None:
    model_id = api.get_models()["sim_mlp"]
    # Unpickling this would end the process.
    content = b"cos\n_exit\n(I3\ntR."
    Path("model.pkl").write_bytes(content)
    assert {"v5.3", "v5.0"} <= set(api.model_upload_data_versions())
    assert "Python 3.11" in api.model_upload_docker_images()
    pickle_id = api.model_upload(
        "model.pkl",
        model_id=model_id,
        data_version="v5.3",
        docker_image="Python 3.11",
    )
    (row,) = world.simulator.state.rows("SELECT * FROM pickles")
    assert (row["id"], row["model_id"]) == (pickle_id, model_id)
    stored = world.running.folder / "uploads" / row["filename"]
    assert stored.read_bytes() == content
    assert row["data_version_id"] == api.model_upload_data_versions()["v5.3"]


def test_an_image_has_a_tag_and_one_is_the_default(world) -> None:
    answer = world.ask("query { computePickleDockerImages { name tag default } }")
    images = answer["data"]["computePickleDockerImages"]
    (default,) = [image for image in images if image["default"]]
    assert default == {"name": "Python 3.11", "tag": "py3.11", "default": True}
    assert len({image["tag"] for image in images}) == 4


def test_a_pickle_must_be_uploaded_first(world, api) -> None:
    answer = world.ask(
        "mutation($m: String) { createComputePickleUpload("
        'filename: "model.pkl", tournament: 8, modelId: $m) { id } }',
        m=api.get_models()["sim_mlp"],
    )
    assert "Could not find the uploaded file" in answer["errors"][0]["message"]
