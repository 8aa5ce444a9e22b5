"""Scores of held-out eras are numerai-tools' numbers, and honest."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import correlation_contribution, numerai_corr
from recorded_progress import RecordedProgress, Task

from numerai_pipeline.core import DataError
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards
from numerai_pipeline.prediction import evaluate

TARGETS = ["target", "target_victor_20"]
META_MODEL_ERAS = [21, *range(23, 29)]
RESOLVED = list(range(17, 29))


def row_of(evaluation, who, metric):
    [found] = [row for row in evaluation.rows if (row.who, row.metric) == (who, metric)]
    return found


def joined(evaluation, world):
    """Join predictions, targets and references with pandas, as a notebook would."""
    frame = pd.read_parquet(evaluation.predictions).set_index("id")
    frame = frame.join(world.rows[["target", "target_victor_20"]])
    for path in (
        world.references["meta_model"],
        world.references["benchmarks"][1],
    ):
        models = pd.read_parquet(path).drop(
            columns=["era", "data_type"], errors="ignore"
        )
        frame = frame.join(models)
    frame["era"] = frame["era"].astype(int)
    return frame.astype({"prediction": float, "target": float})


def per_era(frame, score, eras):
    return [score(frame[frame["era"] == era]) for era in eras]


def test_scores_are_those_of_numerai_tools(world, evaluated):
    frame = joined(evaluated, world)
    resolved = frame.dropna(subset=["target"])

    def corr(column):
        return lambda era: numerai_corr(era[[column]], era["target"])[column]

    def contribution(reference):
        return lambda era: correlation_contribution(
            era[["prediction"]], era[reference], era["target"]
        )["prediction"]

    for who, metric, eras, score in (
        ("trees", "CORR", RESOLVED, corr("prediction")),
        ("numerai_meta_model", "CORR", META_MODEL_ERAS, corr("numerai_meta_model")),
        (
            "trees",
            "CORR in the eras of numerai_meta_model",
            META_MODEL_ERAS,
            corr("prediction"),
        ),
        ("trees", "MMC", META_MODEL_ERAS, contribution("numerai_meta_model")),
        ("v53_lgbm_ender20", "CORR", RESOLVED, corr("v53_lgbm_ender20")),
        (
            "trees",
            "BMC of v53_lgbm_ender20",
            RESOLVED,
            contribution("v53_lgbm_ender20"),
        ),
    ):
        scores = row_of(evaluated, who, metric).scores
        assert scores.eras.tolist() == eras
        expected = per_era(resolved, score, eras)
        np.testing.assert_allclose(scores.values, expected, rtol=0, atol=1e-12)


def test_the_model_learned_what_is_planted(evaluated):
    assert evaluated.rows[0].summary.mean > 0.2
    assert row_of(evaluated, "trees", "MMC").summary.mean > 0.02
    noise = row_of(evaluated, "v53_lgbm_victor60", "CORR").summary.mean
    assert abs(noise) < 0.1


def test_rows_and_coverage_are_told(world, evaluated):
    assert [(row.who, row.metric) for row in evaluated.rows] == [
        ("trees", "CORR"),
        ("numerai_meta_model", "CORR"),
        ("trees", "CORR in the eras of numerai_meta_model"),
        ("trees", "MMC"),
        ("v53_lgbm_ender20", "CORR"),
        ("trees", "BMC of v53_lgbm_ender20"),
        ("v53_lgbm_victor60", "CORR"),
        ("trees", "BMC of v53_lgbm_victor60"),
    ]
    assert evaluated.target == "target"
    assert evaluated.n_rows == world.shards.n_rows("valid")
    assert evaluated.n_eras == 12
    meta_model, first, _ = evaluated.coverage
    assert (meta_model.kind, meta_model.n_eras) == ("meta model", 7)
    assert meta_model.share_of_rows == pytest.approx(7 / 12, abs=0.02)
    assert (first.kind, first.n_eras, first.share_of_rows) == ("benchmark", 12, 1.0)


def test_predictions_are_kept_in_numerais_own_form(world, evaluated):
    frame = pd.read_parquet(evaluated.predictions)
    assert list(frame.columns) == ["id", "era", "prediction"]
    assert frame["era"].astype(str).is_monotonic_increasing
    assert set(frame["era"]) == {f"{era:04d}" for era in range(17, 30)}
    held_out = world.rows[world.rows["data_type"] == "validation"]
    held_out = held_out.dropna(subset=TARGETS, how="all")
    assert set(frame["id"]) == set(held_out.index)
    assert frame["prediction"].dtype == np.float32


def test_scores_json_is_for_other_programs(world, evaluated):

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    text = (evaluated.folder / "scores.json").read_text()
    record = json.loads(text, parse_constant=refuse)
    assert record["rows"][0]["who"] == "trees"
    assert record["rows"][0]["mean"] == evaluated.rows[0].summary.mean
    assert record["rows"][0]["eras"] == RESOLVED
    assert record["shards_fingerprint"] == world.shards.manifest.fingerprint
    assert str(evaluated.folder) not in text
    assert record.items() <= evaluated.to_dict().items()


def test_the_picture_is_there(evaluated):
    assert evaluated.plot == evaluated.folder / "plots" / "scores.png"
    assert evaluated.plot.read_bytes().startswith(b"\x89PNG")


def test_what_was_scored_is_not_scored_again(world, copied):
    run = copied()
    progress = RecordedProgress()
    first = evaluate(run, world.shards, **world.references, progress=progress)
    n_rows = world.shards.n_rows("valid")
    assert progress.tasks == [Task("predicting with trees", n_rows, "rows", n_rows)]
    second = evaluate(run, world.shards, **world.references, progress=progress)
    assert len(progress.tasks) == 1
    assert second.to_dict() == first.to_dict()
    evaluate(run, world.shards, **world.references, force=True, progress=progress)
    assert len(progress.tasks) == 2


def test_other_references_are_scored_anew(world, copied):
    run = copied()
    alone = evaluate(run, world.shards, meta_model=None)
    assert [row.metric for row in alone.rows] == ["CORR"]
    assert alone.coverage == ()
    compared = evaluate(run, world.shards, **world.references)
    assert len(compared.rows) == 8


def test_a_broken_scores_json_is_made_again(world, copied):
    run = copied()
    first = evaluate(run, world.shards, meta_model=None)
    for text in ("", "{}", json.dumps({"fingerprint": first.fingerprint})):
        (run.folder / "scores.json").write_text(text)
        again = evaluate(run, world.shards, meta_model=None)
        assert again.to_dict() == first.to_dict()
        assert json.loads((run.folder / "scores.json").read_text())["n_eras"] == 12


def test_another_target_is_scored_beside_the_tournaments(world, copied):
    evaluation = evaluate(copied("victor"), world.shards, meta_model=None)
    assert evaluation.target == "target"
    assert [row.metric for row in evaluation.rows] == [
        "CORR",
        "CORR with target_victor_20",
    ]
    assert abs(evaluation.rows[0].summary.mean) < 0.1
    assert evaluation.rows[1].summary.mean > 0.2


def test_constant_predictions_have_no_score_and_no_exception(
    world, copied, with_leaves
):
    run = with_leaves(copied(), "0.5")
    evaluation = evaluate(run, world.shards, **world.references)
    assert evaluation.rows[0].summary.n_undefined == 12
    assert evaluation.rows[0].to_dict()["mean"] is None
    assert evaluation.plot.is_file()


def test_eras_of_the_training_are_refused(world, copied):
    with pytest.raises(
        DataError,
        match=r"^'trees' was trained on 14 of the 14 eras of the split 'train' "
        r"\(1 to 14\), so its score there says nothing\. "
        r"Score it on eras that were held out\.$",
    ):
        evaluate(copied(), world.shards, meta_model=None, split="train")


def test_other_shards_are_refused(world, copied, tmp_path):
    build_shards(world.data, tmp_path / "others", EtlOptions(purge=4))
    with pytest.raises(
        DataError, match=r"trained on other shards than those in .*others.*`nai train"
    ):
        evaluate(copied(), ShardReader(tmp_path / "others"), meta_model=None)


def test_a_split_without_eras_is_refused(world, copied):
    with pytest.raises(DataError, match=r"has no split 'test'\. .*nai etl"):
        evaluate(copied(), world.shards, meta_model=None, split="test")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"meta_model\.parquet does not exist\. .*nai download --meta"),
        (b"<html>", r"meta_model\.parquet is not a whole Parquet file .*--force"),
        (
            {"id": ["n"], "era": ["1"]},
            r"meta_model\.parquet has no column 'numerai_meta_model' among its 2",
        ),
        ({"numerai_meta_model": [1.0]}, r"meta_model\.parquet has no column 'id'"),
    ],
)
def test_a_broken_reference_is_named(world, copied, tmp_path, content, sentence):
    path = tmp_path / "meta_model.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pd.DataFrame(content).to_parquet(path)
    with pytest.raises(DataError, match=sentence):
        evaluate(copied(), world.shards, meta_model=path)


def test_a_reference_with_an_id_twice_is_refused(world, copied, tmp_path):
    path = tmp_path / "meta_model.parquet"
    frame = pd.read_parquet(world.references["meta_model"])
    pd.concat([frame, frame[frame["era"] == "0025"].head(1)]).to_parquet(path)
    with pytest.raises(
        DataError, match=rf"^{re.escape(str(path))} has the id n[0-9a-f]+ 2 times\."
    ):
        evaluate(copied(), world.shards, meta_model=path)


def test_eras_without_the_target_cannot_be_scored(copied, world, tmp_path, retrained):
    """All held-out eras have `target_victor_20` only."""
    folder = tmp_path / "v5.3"
    shutil.copytree(world.data, folder)
    validation = pd.read_parquet(folder / "validation.parquet")
    validation[["target", "target_ender_20"]] = np.float32("nan")
    validation.to_parquet(folder / "validation.parquet")
    build_shards(folder, tmp_path / "shards", EtlOptions(purge=2))
    run = retrained(copied("victor"), tmp_path / "shards")
    with pytest.raises(
        DataError, match=r"^no era of the split 'valid' in .* has a 'target' yet"
    ):
        evaluate(run, ShardReader(tmp_path / "shards"), meta_model=None)


def test_without_the_tournaments_target_the_models_own_is_taken(
    copied, world, tmp_path, retrained
):
    options = EtlOptions(purge=2, targets=("target_victor_20",))
    build_shards(world.data, tmp_path / "shards", options)
    run = retrained(copied("victor"), tmp_path / "shards")
    evaluation = evaluate(run, ShardReader(tmp_path / "shards"), meta_model=None)
    assert evaluation.target == "target_victor_20"
    assert [row.metric for row in evaluation.rows] == ["CORR"]
    assert evaluation.n_eras == 13
