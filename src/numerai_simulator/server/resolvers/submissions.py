"""Submissions and diagnostics: where to upload, what was made of it."""

import sqlite3

from ariadne import MutationType, QueryType

from numerai_simulator.errors import Refusal
from numerai_simulator.server.resolvers.context import (
    Answer,
    Context,
    Info,
    classic_only,
    owner_only,
)
from numerai_simulator.server.resolvers.rounds import round_answer
from numerai_simulator.server.submissions import Note

query = QueryType()
mutation = MutationType()


def upload_auth(context: Context, kind: str, filename: str) -> Answer:
    """Give out a name for an upload and the url that takes its bytes."""
    name = context.simulator.uploads.reserve(kind, filename)
    return {"filename": name, "url": f"{context.base_url}uploads/{name}"}


def submission_answer(context: Context, row: sqlite3.Row) -> Answer:
    """Describe a submission as Numerai's type ``Submission``."""
    return {
        "id": row["id"],
        "filename": row["filename"],
        "insertedAt": row["inserted_at"],
        "selected": bool(row["is_selected"]),
        "triggerId": row["trigger_id"],
        "round": lambda _info: round_answer(context, row["round"]),
    }


@query.field("submission_upload_auth")
@owner_only
def resolve_submission_upload_auth(
    _: None,
    info: Info,
    *,
    filename: str,
    tournament: int,
    modelId: str | None = None,
) -> Answer:
    """Return where to PUT predictions for the current round."""
    classic_only(tournament)
    context = info.context
    context.simulator.account.model(modelId)
    return upload_auth(context, "submission", filename)


@mutation.field("create_submission")
@owner_only
def resolve_create_submission(
    _: None,  # a parameter called `source` would collide with the argument
    info: Info,
    *,
    filename: str,
    tournament: int,
    modelId: str | None = None,
    triggerId: str | None = None,
    source: str | None = None,
    dataDatestamp: int | None = None,
) -> Answer:
    """Make an upload a submission to the current round."""
    classic_only(tournament)
    context = info.context
    simulator = context.simulator
    submission_id = simulator.submissions.create(
        simulator.account.model(modelId)["id"],
        filename,
        Note(triggerId, source, dataDatestamp),
        context.now,
    )
    return {"id": submission_id}


@query.field("submissions")
@owner_only
def resolve_submissions(
    _: None, info: Info, *, modelId: str | None = None
) -> list[Answer]:
    """Return a model's submissions, latest first."""
    context = info.context
    model = context.simulator.account.model(modelId)
    return [
        submission_answer(context, row)
        for row in context.simulator.submissions.of_model(model["id"])
    ]


@query.field("submissionDownloadAuth")
@owner_only
def resolve_submission_download_auth(
    _: None, info: Info, *, id: str | None = None
) -> Answer:
    """Return where to GET an upload that was submitted."""
    context = info.context
    row = context.simulator.submissions.find(id)
    if row is None:
        raise Refusal(f"there is no submission with the id {id}.")
    name = row["filename"]
    return {"filename": name, "url": f"{context.base_url}uploads/{name}"}


@query.field("diagnosticsUploadAuth")
@owner_only
def resolve_diagnostics_upload_auth(
    _: None,
    info: Info,
    *,
    filename: str,
    tournament: int,
    modelId: str | None = None,
) -> Answer:
    """Return where to PUT predictions for the validation eras."""
    classic_only(tournament)
    context = info.context
    context.simulator.account.model(modelId)
    return upload_auth(context, "diagnostics", filename)


@mutation.field("createDiagnostics")
@owner_only
def resolve_create_diagnostics(
    _: None,
    info: Info,
    *,
    filename: str,
    tournament: int,
    modelId: str | None = None,
) -> Answer:
    """Score an upload against the validation eras, at once."""
    classic_only(tournament)
    context = info.context
    simulator = context.simulator
    model_id = simulator.account.model(modelId)["id"]
    return {"id": simulator.diagnostics.create(model_id, filename, context.now)}


@query.field("diagnostics")
@owner_only
def resolve_diagnostics(
    _: None, info: Info, *, modelId: str, id: str | None = None
) -> Answer:
    """Return diagnostics by id, or a model's latest."""
    simulator = info.context.simulator
    return simulator.diagnostics.find(simulator.account.model(modelId)["id"], id)
