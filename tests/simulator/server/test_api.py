"""The GraphQL endpoint itself: errors, keys, and a resolver behind each field."""

import httpx
import numerapi
import pytest
from graphql import default_field_resolver

from numerai_simulator.server.schema import load_schema

JSON = {"Content-Type": "application/json"}
ROUNDS = "query($tournament: Int) { rounds(tournament: $tournament) { number } }"


def test_every_field_of_the_schema_has_a_resolver() -> None:
    schema = load_schema()
    for root in (schema.query_type, schema.mutation_type):
        assert root is not None
        for name, field in root.fields.items():
            assert field.resolve not in (None, default_field_resolver), name


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("query { nothing }", "Cannot query field 'nothing' on type 'Query'."),
        ("query { rounds {", "Syntax Error: Expected Name, found <EOF>."),
        ("query { rounds(number: 0) }", "must have a selection of subfields"),
    ],
)
def test_a_bad_document_is_answered_with_200_and_errors(
    shared_world, shared_api, document: str, message: str
) -> None:
    answer = shared_world.send("/", {"query": document, "variables": None})
    assert message in answer["errors"][0]["message"]
    with pytest.raises(ValueError, match=r"query|Syntax|selection"):
        shared_api.raw_query(document)


def test_a_body_that_is_no_json_is_answered_too(shared_world) -> None:
    answer = httpx.post(shared_world.url, content=b"<html>", headers=JSON)
    assert answer.status_code == 200
    assert answer.json() == {"errors": [{"message": "the body is not JSON"}]}


def test_json_that_nests_too_deeply_is_400(shared_world) -> None:
    for path in ("/", "/admin/clock"):
        answer = httpx.post(
            shared_world.url + path, content=b"[" * 100_000, headers=JSON
        )
        assert answer.status_code == 400
        assert "nests too deeply" in answer.text


@pytest.mark.parametrize("variables", [{"number": "x"}, {"number": 2**40}, [1], "x"])
def test_bad_variables_are_errors_and_no_tracebacks(
    shared_world, caplog: pytest.LogCaptureFixture, variables: object
) -> None:
    query = "query($number: Int) { rounds(number: $number) { number } }"
    answer = shared_world.send("/", {"query": query, "variables": variables})
    assert answer["errors"]
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


def test_variables_may_be_null(shared_world) -> None:
    answer = shared_world.send("/", {"query": ROUNDS, "variables": None})
    assert answer["data"]["rounds"]


@pytest.mark.usefixtures("shared_api")
def test_without_the_right_key_the_message_is_numerais(shared_world) -> None:
    for keys in (("WRONG", "SIMULATED"), ("SIMULATED", "wrong")):
        api = numerapi.NumerAPI(*keys, verbosity="critical")
        with pytest.raises(ValueError, match="session is invalid or has expired"):
            api.get_account()
    query = "query { account { username } }"
    answer = shared_world.send("/", {"query": query})
    assert answer["data"] == {"account": None}
    assert "session is invalid" in answer["errors"][0]["message"]


@pytest.mark.parametrize(
    "document",
    [
        "query { account { id } }",
        "query { model { id } }",
        "query { submissions { id } }",
        'query { submissionDownloadAuth(id: "x") { url } }',
        'query { submission_upload_auth(filename: "a.csv", tournament: 8) { url } }',
        'query { diagnosticsUploadAuth(filename: "a.csv", tournament: 8) { url } }',
        'query { diagnostics(modelId: "x") { status } }',
        'query { computePickleUploadAuth(filename: "a.pkl") { url } }',
        "query { computePickleDataVersions { id } }",
        "query { computePickleDockerImages { id } }",
        "query { pendingModelPayouts(tournament: 8) { actual { modelId } } }",
        "query { v3StakeConfig { address } }",
        'mutation { create_submission(filename: "a", tournament: 8) { id } }',
        'mutation { createDiagnostics(filename: "a", tournament: 8) { id } }',
        'mutation { createComputePickleUpload(filename: "a", tournament: 8) { id } }',
        'mutation { setSubmissionWebhook(modelId: "x") }',
        'mutation { setUserBio(value: "x") }',
        'mutation { setUserLink(linkUrl: "x") }',
        "mutation { v2ChangeStake(value: "
        '"1", type: "increase", tournamentNumber: 8) { status } }',
        "mutation { releaseStake(drain: true) { status } }",
        'mutation { triggerModelWebhook(modelId: "x") }',
    ],
)
def test_what_is_private_needs_the_key(shared_world, document: str) -> None:
    answer = shared_world.send("/", {"query": document})
    assert "session is invalid" in answer["errors"][0]["message"]


def test_other_tournaments_are_not_simulated(shared_world) -> None:
    answer = shared_world.send("/", {"query": ROUNDS, "variables": {"tournament": 11}})
    assert answer["errors"][0]["message"] == (
        "not simulated: tournament 11, only 8, Classic, is. "
        "docs/simulator.md lists what is."
    )


def test_staking_v3_is_not_simulated(shared_api) -> None:
    calls = [
        lambda: shared_api.v3_stake_config(),
        lambda: shared_api.v3_stake_round(1),
        lambda: shared_api.v3_stake_claim(1, "model", "staker"),
        lambda: shared_api.v3_stake_auth("submission", "staker", amount=1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not simulated: staking v3"):
            call()


def test_a_model_of_nobody_is_refused(shared_world) -> None:
    answer = shared_world.ask('query { model(modelId: "x") { name } }')
    assert answer["errors"][0]["message"] == "the account has no model with the id x."
    answer = shared_world.ask("query { model { name } }")
    assert answer["errors"][0]["message"] == (
        "modelId is missing and the account has 3 models: "
        "sim_ensemble, sim_lightgbm, sim_mlp."
    )


def test_paths_that_do_not_exist_are_404(shared_world) -> None:
    for path in ("/nothing", "/uploads/nothing.csv"):
        assert httpx.get(shared_world.url + path).status_code == 404
