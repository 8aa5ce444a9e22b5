"""Uploads and submissions: checked, selected, late, read back."""

from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from numerai_simulator.server.submissions import MAX_BYTES

CREATE = """mutation($filename: String!, $modelId: String) {
    create_submission(filename: $filename, tournament: 8, modelId: $modelId) { id }
}"""
AUTH = """query($modelId: String) {
    submission_upload_auth(filename: "p.csv", tournament: 8, modelId: $modelId) {
        filename url
    }
}"""


@pytest.fixture
def model_id(api) -> str:
    return str(api.get_models()["sim_mlp"])


def test_predictions_are_taken_and_read_back(world, api, model_id) -> None:
    predictions = world.predictions()
    predictions.to_csv("predictions.csv", index=False)
    submission_id = api.upload_predictions("predictions.csv", model_id=model_id)
    (listed,) = api.submission_ids(model_id)
    assert listed["id"] == submission_id
    assert listed["filename"].startswith("predictions-")
    assert listed["filename"].endswith(".csv")
    assert api.get_submission_filenames(model_id=model_id) == [
        {
            "round_num": world.first_round,
            "tournament": 8,
            "filename": listed["filename"],
        }
    ]
    assert api.get_submission_filenames(11, None, model_id) == []
    path = api.download_submission(model_id=model_id, dest_path="back.csv")
    assert Path(path).read_bytes() == Path("predictions.csv").read_bytes()
    path = api.download_submission(submission_id, dest_path="again.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), predictions)
    models = {model["name"]: model for model in api.get_account()["models"]}
    assert [entry["id"] for entry in models["sim_mlp"]["submissions"]] == [
        submission_id
    ]
    assert models["sim_ensemble"]["submissions"] == []


def test_a_frame_and_parquet_are_taken_too(world, api, model_id) -> None:
    predictions = world.predictions()
    api.upload_predictions(df=predictions, model_id=model_id)
    predictions.to_parquet("column.parquet", index=False)
    api.upload_predictions("column.parquet", model_id=model_id)
    predictions.set_index("id").to_parquet("index.parquet")
    api.upload_predictions("index.parquet", model_id=model_id)
    assert len(api.submission_ids(model_id)) == 3


def test_the_trigger_id_and_source_are_kept(
    world, api, model_id, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIGGER_ID", "trigger-7")
    api.upload_predictions(
        df=world.predictions(), model_id=model_id, data_datestamp=20261123
    )
    query = "query($m: String) { submissions(modelId: $m) { triggerId } }"
    answer = world.ask(query, m=model_id)
    assert answer["data"]["submissions"] == [{"triggerId": "trigger-7"}]
    (row,) = world.simulator.submissions.all()
    assert (row["source"], row["data_datestamp"]) == ("numerapi", 20261123)


def with_values(frame: pd.DataFrame, *values: object) -> pd.DataFrame:
    return frame.assign(
        prediction=[*values, *frame["prediction"].tolist()[len(values) :]]
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.rename(columns={"prediction": "p"}), "invalid_submission_headers"),
        (lambda f: f.set_index("id"), "invalid_submission_headers"),
        (lambda f: f.iloc[1:], "Not enough stocks submitted"),
        (lambda f: f.assign(id=f["id"].str.upper()), "Not enough stocks submitted"),
        (lambda f: with_values(f, None), "must not contain NaNs"),
        (lambda f: with_values(f, 1.5), "values must be between 0 and 1"),
        (lambda f: with_values(f, np.inf), "values must be between 0 and 1"),
        (lambda f: f.assign(prediction=0.5), "non-zero standard deviation"),
        (lambda f: with_values(f, "high"), "'prediction' holds text or mixed values"),
        (lambda f: pd.concat([f, f.iloc[:2]]), "2 ids stand twice, such as 'n"),
        (lambda f: f.iloc[:0], "the upload has no rows"),
    ],
)
def test_invalid_predictions_are_refused_with_the_reason(
    shared_world, shared_api, spoil, message: str
) -> None:
    model_id = shared_api.get_models()["sim_mlp"]
    spoilt = spoil(shared_world.predictions())
    with pytest.raises(ValueError, match=message):
        shared_api.upload_predictions(df=spoilt, model_id=model_id)
    assert shared_api.submission_ids(model_id) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable as CSV"),
        (b"\x00\xff\xfe\x81", "invalid_submission"),
        (b"PAR1 and nothing more", "not readable as Parquet"),
        (b"<html>busy</html>", "invalid_submission"),
    ],
)
def test_broken_files_are_refused(shared_api, content: bytes, message: str) -> None:
    model_id = shared_api.get_models()["sim_mlp"]
    Path("predictions.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        shared_api.upload_predictions("predictions.csv", model_id=model_id)


def test_yesterdays_predictions_are_refused(world, api, model_id) -> None:
    yesterday = world.predictions()
    world.admin({"to": "next_open"})
    with pytest.raises(ValueError, match="Are you using the latest live ids"):
        api.upload_predictions(df=yesterday, model_id=model_id)


def test_nothing_can_be_submitted_that_was_not_uploaded(world, model_id) -> None:
    slot = world.ask(AUTH, modelId=model_id)["data"]["submission_upload_auth"]
    for name in (slot["filename"], "predictions.csv", "../market.json"):
        answer = world.ask(CREATE, filename=name, modelId=model_id)
        assert answer["errors"][0]["message"] == (
            f"Could not find the uploaded file {name!r}: PUT it to the url of its "
            "upload auth first."
        )


def test_an_upload_cannot_change_once_it_was_used(world, model_id) -> None:
    slot = world.ask(AUTH, modelId=model_id)["data"]["submission_upload_auth"]
    content = world.predictions().to_csv(index=False).encode()
    assert httpx.put(slot["url"], content=b"first try").status_code == 200
    assert httpx.put(slot["url"], content=content).status_code == 200
    assert httpx.get(slot["url"]).status_code == 404
    for _ in range(2):  # sent twice, it is two submissions, as at Numerai
        answer = world.ask(CREATE, filename=slot["filename"], modelId=model_id)
        assert "errors" not in answer
    late = httpx.put(slot["url"], content=b"other")
    assert (late.status_code, "is used" in late.text) == (403, True)
    assert httpx.get(slot["url"]).content == content


def test_an_upload_without_a_slot_or_over_the_limit_is_refused(world, model_id) -> None:
    answer = httpx.put(f"{world.url}/uploads/mine.csv", content=b"x")
    assert answer.status_code == 403
    assert answer.text == "no upload is expected under the name 'mine.csv'."
    slot = world.ask(AUTH, modelId=model_id)["data"]["submission_upload_auth"]
    too_much = bytes(MAX_BYTES["submission"] + 1)
    answer = httpx.put(slot["url"], content=too_much)
    assert answer.status_code == 413
    assert answer.text == "an upload of this kind may have 67108864 bytes."
    answer = world.ask(CREATE, filename=slot["filename"], modelId=model_id)
    assert "Could not find the uploaded file" in answer["errors"][0]["message"]
    assert not [*(world.running.folder / "uploads").iterdir()]


def test_names_are_the_servers_and_harmless(world, model_id) -> None:
    query = """query($f: String!, $m: String) {
        submission_upload_auth(filename: $f, tournament: 8, modelId: $m) { filename }
    }"""
    answer = world.ask(query, f="../../ä b?.csv", m=model_id)
    name = answer["data"]["submission_upload_auth"]["filename"]
    assert name.startswith("__b_-")
    assert name.endswith(".csv")


def test_the_latest_valid_submission_of_the_window_counts(world, api, model_id) -> None:
    first = api.upload_predictions(df=world.predictions(seed=1), model_id=model_id)
    second = api.upload_predictions(df=world.predictions(seed=2), model_id=model_id)
    with pytest.raises(ValueError, match="Not enough"):
        api.upload_predictions(df=world.predictions().iloc[1:], model_id=model_id)

    def selected() -> dict[str, bool]:
        query = "query($m: String) { submissions(modelId: $m) { id selected } }"
        rows = world.ask(query, m=model_id)["data"]["submissions"]
        return {row["id"]: row["selected"] for row in rows}

    assert selected() == {first: False, second: True}
    world.move_to("2026-11-24T13:00:00Z")
    late = api.upload_predictions(df=world.predictions(seed=3), model_id=model_id)
    assert selected() == {first: False, second: True, late: False}


def test_a_late_submission_is_scored_but_nothing_is_at_risk(
    world, api, model_id
) -> None:
    world.move_to("2026-11-24T13:00:00Z")
    api.upload_predictions(df=world.predictions(seed=1), model_id=model_id)
    late = api.upload_predictions(df=world.predictions(seed=2), model_id=model_id)
    rows = world.simulator.submissions.all()
    assert [(row["is_late"], row["is_selected"]) for row in rows] == [(1, 1), (1, 0)]
    world.move_to("2026-12-26T00:00:00Z")
    scores = api.submission_scores(model_id)
    assert {score["submissionId"] for score in scores} == {late}
    assert len(scores) == 60
    assert api.pending_model_payouts() == {"actual": [], "pending": []}
    assert api.stake_get("sim_mlp") == 10


def test_the_submission_of_another_model_does_not_matter(world, api) -> None:
    models = api.get_models()
    for name in ("sim_mlp", "sim_lightgbm"):
        api.upload_predictions(df=world.predictions(), model_id=models[name])
    assert all(row["is_selected"] for row in world.simulator.submissions.all())


def test_a_submission_that_does_not_exist_cannot_be_downloaded(world) -> None:
    answer = world.ask('query { submissionDownloadAuth(id: "x") { url } }')
    assert answer["errors"][0]["message"] == "there is no submission with the id x."
