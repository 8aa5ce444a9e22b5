"""Numerai Compute: webhooks, which are called, and pickles, which are only kept."""

from ariadne import MutationType, QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.market import VERSIONS
from numerai_simulator.server.ids import new_id, stable_id
from numerai_simulator.server.resolvers.context import (
    Answer,
    Info,
    classic_only,
    owner_only,
)
from numerai_simulator.server.resolvers.submissions import upload_auth
from numerai_simulator.server.webhooks import trigger

_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
_DEFAULT_PYTHON = "3.11"

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
    """Tell where to PUT a pickled model."""
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
    return trigger(info.context.simulator.account.model(modelId)["webhook"])
