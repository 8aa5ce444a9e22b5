"""Diagnostics: predictions for the validation eras, scored era by era."""

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import correlation_contribution, numerai_corr


@pytest.fixture(scope="module")
def validation(shared_world) -> pd.DataFrame:
    """The validation file's eras and targets, with predictions that know a little."""
    path = shared_world.simulator.files.find("v5.3/validation.parquet")
    frame = pd.read_parquet(path, columns=["era", "target"]).dropna()
    noise = np.random.default_rng(1).normal(size=len(frame))
    return frame.assign(prediction=(frame["target"] + noise).rank(pct=True))


@pytest.fixture
def model_id(shared_api) -> str:
    return str(shared_api.get_models()["sim_mlp"])


def upload(frame: pd.DataFrame) -> pd.DataFrame:
    return frame["prediction"].rename_axis("id").reset_index()


def test_every_era_is_scored_by_numerai_tools(
    shared_api, shared_world, model_id, validation
) -> None:
    api = shared_api
    diagnostics_id = api.upload_diagnostics(df=upload(validation), model_id=model_id)
    result = api.diagnostics(model_id, diagnostics_id)
    assert result["status"] == "done"
    eras = sorted(validation["era"].unique())
    per_era = {entry["era"]: entry for entry in result["perEraDiagnostics"]}
    assert sorted(per_era) == [int(era) for era in eras]
    assert result["erasAcceptedCount"] == len(eras)

    files = shared_world.simulator.files
    meta_model = pd.read_parquet(files.find("v5.3/meta_model.parquet"))
    rows = validation[validation["era"] == eras[-1]]
    last = per_era[int(eras[-1])]
    mine = rows[["prediction"]]
    assert last["validationCorr"] == pytest.approx(
        numerai_corr(mine, rows["target"]).iloc[0]
    )
    mmc = correlation_contribution(
        mine, meta_model["numerai_meta_model"].reindex(rows.index), rows["target"]
    )
    assert last["validationMmc"] == pytest.approx(mmc.iloc[0])

    corr = np.array([entry["validationCorr"] for entry in per_era.values()])
    assert result["validationCorrMean"] == pytest.approx(corr.mean())
    assert result["validationCorrStd"] == pytest.approx(corr.std())
    assert result["validationCorrSharpe"] == pytest.approx(corr.mean() / corr.std())
    assert result["validationMaxDrawdown"] <= 0
    assert result["examplePredsCorrMean"] is not None
    assert result["validationFeatureNeutralCorrMean"] is None
    assert api.diagnostics(model_id) == result  # without an id, the latest


def test_some_eras_are_enough(shared_api, model_id, validation) -> None:
    eras = sorted(validation["era"].unique())
    some = validation[validation["era"].isin(eras[:2])]
    whole_and_half = pd.concat(
        [some, validation[validation["era"] == eras[2]].iloc[1:]]
    )
    shared_api.upload_diagnostics(df=upload(whole_and_half), model_id=model_id)
    assert shared_api.diagnostics(model_id)["erasAcceptedCount"] == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: f.assign(id="n" + f["id"]),
            "covers no era of v5.3/validation.parquet",
        ),
        (lambda f: f.rename(columns={"id": "row"}), "invalid_submission_headers"),
        (lambda f: f.assign(prediction=2.0), "values must be between 0 and 1"),
        (lambda f: pd.concat([f, f]), "ids stand twice"),
        (lambda f: f.assign(prediction="x"), "holds text"),
    ],
)
def test_invalid_diagnostics_are_refused(
    shared_api, model_id, validation, spoil, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        shared_api.upload_diagnostics(df=spoil(upload(validation)), model_id=model_id)


def test_diagnostics_that_do_not_exist_are_refused(shared_api) -> None:
    model_id = shared_api.get_models()["sim_ensemble"]
    with pytest.raises(ValueError, match="the model has no diagnostics"):
        shared_api.diagnostics(model_id)
