"""Numerai Compute: webhooks, which are called, and pickles, which are only kept."""

import httpx
from ariadne import MutationType, QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal, not_simulated
from numerai_simulator.market import VERSIONS
from numerai_simulator.server.local import is_loopback
from numerai_simulator.server.resolvers.context import (
    Answer,
    Info,
    classic_only,
    owner_only,
)
from numerai_simulator.server.resolvers.submissions import upload_auth
from numerai_simulator.server.state import new_id, stable_id

_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
_DEFAULT_PYTHON = "3.11"

# A webhook only has to say that it heard; the work comes after its answer.
TIMEOUT_SECONDS = 10.0

query = QueryType()
mutation = MutationType()


@query.field("computePickleDataVersions")
@owner_only
def resolve_data_versions(_: None, _info: Info) -> list[Answer]:
    """List the data releases that a pickle may be written for."""
    return [{"id": stable_id("data version", name), "name": name} for name in VERSIONS]


@query.field("computePickleDockerImages")
@owner_only
def resolve_docker_images(_: None, _info: Info) -> list[Answer]:
    """List the images in which Numerai would run a pickle."""
    return [
        {
            "id": stable_id("image", f"Python {python}"),
            "name": f"Python {python}",
            "tag": f"py{python}",
            "default": python == _DEFAULT_PYTHON,
        }
        for python in _PYTHONS
    ]


@query.field("computePickleUploadAuth")
@owner_only
def resolve_pickle_upload_auth(
    _: None, info: Info, *, filename: str, modelId: str | None = None
) -> Answer:
    """Return where to PUT a pickled model."""
    context = info.context
    context.simulator.account.model(modelId)
    return upload_auth(context, "pickle", filename)


@mutation.field("createComputePickleUpload")
@owner_only
def resolve_create_pickle(
    _: None,
    info: Info,
    *,
    filename: str,
    tournament: int,
    modelId: str | None = None,
    dataVersionId: str | None = None,
    dockerImageId: str | None = None,
) -> Answer:
    """Keep an uploaded pickle. It is never unpickled, so it never submits."""
    classic_only(tournament)
    context = info.context
    simulator = context.simulator
    model = simulator.account.model(modelId)
    simulator.uploads.arrived("pickle", filename)
    pickle_id = new_id()
    simulator.state.run(
        "INSERT INTO pickles (id, model_id, filename, inserted_at, data_version_id, "
        "docker_image_id) VALUES (?, ?, ?, ?, ?, ?)",
        *(pickle_id, model["id"], filename, format_time(context.now)),
        *(dataVersionId, dockerImageId),
    )
    simulator.uploads.use(filename)
    return {"id": pickle_id}


@mutation.field("setSubmissionWebhook")
@owner_only
def resolve_set_webhook(
    _: None,
    info: Info,
    *,
    modelId: str,
    newSubmissionWebhook: str | None = None,
) -> str:
    """Set a model's webhook, or remove it; the answer is text, as at Numerai."""
    info.context.simulator.account.set_text(modelId, webhook=newSubmissionWebhook)
    return "true"


@mutation.field("triggerModelWebhook")
@owner_only
def resolve_trigger_webhook(_: None, info: Info, *, modelId: str) -> str:
    """Call a model's webhook and return the trigger id that it was sent."""
    return _trigger(info.context.simulator.account.model(modelId)["webhook"])


def _trigger(url: str | None) -> str:
    """POST ``{"triggerId": ...}`` to a webhook on this machine.

    Returns:
        The trigger id, which the client sends along with its submission.

    Raises:
        Refusal: if there is no webhook, it lies on another machine, or
            it does not answer 200 in time.
    """
    if not url:
        raise Refusal("the model has no webhook: set one first.")
    if not is_loopback(url):
        raise not_simulated(f"calling {url}, which is not on this machine")
    trigger_id = new_id()
    try:
        answer = httpx.post(
            url,
            json={"triggerId": trigger_id},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Refusal(f"the webhook {url} failed: {error}") from error
    if not answer.is_success:
        raise Refusal(f"the webhook {url} answered {answer.status_code}.")
    return trigger_id
