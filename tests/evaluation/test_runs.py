"""Scores are numerai-tools' numbers, on eras that chose nothing."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import correlation_contribution, numerai_corr
from recorded_progress import RecordedProgress, Task
from small_world import score_run

from numerai_pipeline.core import ConfigError, DataError, sha256_of
from numerai_pipeline.data import EtlOptions, Fold, ShardReader, build_shards
from numerai_pipeline.evaluation import Scoring, evaluate, last_corr, subject_of_run
from numerai_pipeline.training import Run

TARGETS = ["target", "target_victor_20"]
META_MODEL_ERAS = [41, *range(43, 49)]
RESOLVED = list(range(39, 49))
# The last one has another target alone.
TEST = tuple(range(39, 50))


def row_of(evaluation, who, label):
    [found] = [row for row in evaluation.rows if (row.who, row.label) == (who, label)]
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
        ("trees", "MMC", META_MODEL_ERAS, contribution("numerai_meta_model")),
        ("v53_lgbm_ender20", "CORR", RESOLVED, corr("v53_lgbm_ender20")),
        (
            "trees",
            "BMC(v53_lgbm_ender20)",
            RESOLVED,
            contribution("v53_lgbm_ender20"),
        ),
    ):
        scores = row_of(evaluated, who, metric).scores
        assert scores.eras.tolist() == eras
        expected = per_era(resolved, score, eras)
        np.testing.assert_allclose(scores.values, expected, rtol=0, atol=1e-12)


def test_a_benchmark_without_some_rows_scores_as_numerai_tools_does(
    world, copied, tmp_path
):
    """Of era 41 more than a fifth is missing, which numerai-tools refuses."""
    path = tmp_path / "validation_benchmark_models.parquet"
    benchmark = pd.read_parquet(world.references["benchmarks"][1])
    random = np.random.default_rng(8)
    share = np.where(benchmark["era"] == "0041", 0.5, 0.1)
    benchmark = benchmark[random.random(len(benchmark)) >= share]
    benchmark.to_parquet(path)
    evaluation = score_run(copied(), world.shards, benchmarks=[path])
    predictions = pd.read_parquet(evaluation.predictions).set_index("id")
    targets = world.rows["target"].astype(float).dropna()
    eras = [era for era in RESOLVED if era != 41]
    expected = {"CORR": [], "BMC(v53_lgbm_ender20)": []}
    for era in range(39, 49):
        ids = predictions.index[predictions["era"].astype(int) == era]
        target = targets.loc[targets.index.intersection(ids)]
        column = benchmark.loc[benchmark.index.intersection(ids), ["v53_lgbm_ender20"]]
        own = predictions.loc[target.index, ["prediction"]].astype(float)
        if era == 41:
            with pytest.raises(AssertionError, match="enough overlapping ids"):
                numerai_corr(column, target)
            continue
        [corr] = numerai_corr(column, target)
        [contribution] = correlation_contribution(
            own, column["v53_lgbm_ender20"], target
        )
        expected["CORR"].append(corr)
        expected["BMC(v53_lgbm_ender20)"].append(contribution)
    for who, metric in zip(("v53_lgbm_ender20", "trees"), expected, strict=True):
        scores = row_of(evaluation, who, metric).scores
        assert scores.eras.tolist() == eras
        np.testing.assert_allclose(scores.values, expected[metric], rtol=0, atol=1e-12)


def test_the_model_learned_what_is_planted(evaluated):
    assert evaluated.rows[0].summary.mean > 0.2
    assert row_of(evaluated, "trees", "MMC").summary.mean > 0.02
    noise = row_of(evaluated, "v53_lgbm_victor60", "CORR").summary.mean
    assert abs(noise) < 0.1


def test_rows_and_coverage_are_told(world, evaluated):
    assert [(row.who, row.label) for row in evaluated.rows] == [
        ("trees", "CORR"),
        ("trees", "MMC"),
        ("trees", "CWMM"),
        ("trees", "payout"),
        ("numerai_meta_model", "CORR"),
        ("v53_lgbm_ender20", "CORR"),
        ("trees", "BMC(v53_lgbm_ender20)"),
        ("trees", "similarity(v53_lgbm_ender20)"),
        ("v53_lgbm_ender20", "MMC"),
        ("v53_lgbm_ender20", "CWMM"),
        ("v53_lgbm_ender20", "payout"),
        ("v53_lgbm_victor60", "CORR"),
        ("trees", "BMC(v53_lgbm_victor60)"),
        ("trees", "similarity(v53_lgbm_victor60)"),
    ]
    assert (evaluated.benchmark, evaluated.meta_model) == (
        "v53_lgbm_ender20",
        "numerai_meta_model",
    )
    assert evaluated.target == "target"
    assert evaluated.n_rows == world.shards.n_rows(None, TEST)
    assert evaluated.n_eras == 10
    meta_model, first, _ = evaluated.coverage
    assert (meta_model.kind, meta_model.n_eras) == ("meta model", 7)
    assert meta_model.share_of_rows == pytest.approx(7 / 10, abs=0.02)
    assert (first.kind, first.n_eras, first.share_of_rows) == ("benchmark", 10, 1.0)


def test_predictions_are_kept_in_numerais_own_form(world, evaluated):
    frame = pd.read_parquet(evaluated.predictions)
    assert list(frame.columns) == ["id", "era", "prediction"]
    assert frame["era"].astype(str).is_monotonic_increasing
    assert set(frame["era"]) == {f"{era:04d}" for era in TEST}
    tested = world.rows[world.rows["era"].astype(int).isin(TEST)]
    tested = tested.dropna(subset=TARGETS, how="all")
    assert set(frame["id"]) == set(tested.index)
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
    first = score_run(run, world.shards, **world.references, progress=progress)
    n_rows = world.shards.n_rows(None, TEST)
    assert progress.tasks == [Task("predicting with trees", n_rows, "rows", n_rows)]
    second = score_run(run, world.shards, **world.references, progress=progress)
    assert len(progress.tasks) == 1
    assert second.to_dict() == first.to_dict()
    score_run(run, world.shards, **world.references, force=True, progress=progress)
    assert len(progress.tasks) == 2


def test_other_references_are_scored_anew(world, copied):
    run = copied()
    alone = score_run(run, world.shards)
    assert [row.metric for row in alone.rows] == ["CORR"]
    assert alone.coverage == ()
    compared = score_run(run, world.shards, **world.references)
    assert len(compared.rows) == 14


def test_a_broken_scores_json_is_made_again(world, copied):
    run = copied()
    first = score_run(run, world.shards)
    for text in ("", "{}", json.dumps({"fingerprint": first.fingerprint})):
        (run.folder / "scores.json").write_text(text)
        again = score_run(run, world.shards)
        assert again.to_dict() == first.to_dict()
        assert json.loads((run.folder / "scores.json").read_text())["n_eras"] == 10


def test_another_target_is_scored_beside_the_tournaments(world, copied):
    evaluation = score_run(copied("victor"), world.shards)
    assert evaluation.target == "target"
    assert [row.label for row in evaluation.rows] == [
        "CORR",
        "CORR(target_victor_20)",
    ]
    assert abs(evaluation.rows[0].summary.mean) < 0.1
    assert evaluation.rows[1].summary.mean > 0.2


def test_constant_predictions_have_no_score_and_no_exception(
    world, copied, with_leaves
):
    run = with_leaves(copied(), "0.5")
    evaluation = score_run(run, world.shards, **world.references)
    assert evaluation.rows[0].summary.n_undefined == 10
    assert evaluation.rows[0].to_dict()["mean"] is None
    assert evaluation.plot.is_file()


def test_test_eras_keep_the_purge_from_all_that_trained_or_chose(world, copied):
    run = copied()
    evaluation = score_run(run, world.shards)
    assert (evaluation.on, evaluation.warnings) == ("test", [])
    eras = set(pd.read_parquet(evaluation.predictions)["era"].astype(int))
    seen = {*run.fold.train, *run.fold.validation}
    assert min(abs(era - other) for era in eras for other in seen) == 9
    assert evaluation.to_dict()["purge"] == 8


def test_validation_eras_are_scored_on_request_and_the_scores_say_so(world, copied):
    run = copied()
    score_run(run, world.shards)
    on_test = last_corr(run.folder)
    evaluation = score_run(run, world.shards, on="validation")
    assert evaluation.on == "validation"
    assert evaluation.rows[0].scores.eras.tolist() == list(run.fold.validation)
    assert evaluation.warnings == [
        "6 eras are too few to say anything about a model.",
        "The epoch was chosen on these eras, so the scores are high.",
    ]
    assert (run.folder / "scores_validation.json").is_file()
    assert last_corr(run.folder) == on_test


def test_without_test_eras_the_validation_eras_are_scored(
    world, copied, tmp_path, retrained
):
    build_shards(
        world.data, tmp_path / "shards", EtlOptions(eras_subset="1-39", purge=2)
    )
    shards = ShardReader(tmp_path / "shards")
    run = retrained(copied(), shards.folder)
    assert run.fold.test == ()
    evaluation = score_run(run, shards)
    assert (evaluation.on, evaluation.n_eras) == ("validation", 15)
    assert evaluation.warnings
    # More data came: the run is as it was, and the new eras test it.
    later = score_run(run, world.shards)
    assert (later.on, later.rows[0].scores.eras.tolist()) == ("test", [48])


def test_other_shards_with_later_eras_score_the_same_run(world, copied, tmp_path):
    build_shards(world.data, tmp_path / "others", EtlOptions(purge=4))
    run = copied()
    one = score_run(run, world.shards)
    other = score_run(run, ShardReader(tmp_path / "others"))
    assert one.rows[0].scores.values.tolist() == other.rows[0].scores.values.tolist()


def test_a_purge_below_the_horizon_is_printed(world, copied):
    run = copied()
    text = (run.folder / "config.toml").read_text()
    (run.folder / "config.toml").write_text(text.replace("purge = 8", "purge = 2"))
    done = json.loads((run.folder / "DONE").read_text())
    done["sha256"]["config.toml"] = sha256_of(run.folder / "config.toml")
    (run.folder / "DONE").write_text(json.dumps(done))
    evaluation = score_run(Run.open(run.folder), world.shards)
    assert evaluation.warnings == ["Leak: the purge is 2 eras, but the targets need 8."]


def test_shards_split_by_rows_leak_and_the_scores_say_so(
    world, copied, tmp_path, retrained
):
    options = EtlOptions(split_by="rows", split=0.2, split_test=0.2)
    build_shards(world.data, tmp_path / "shards", options)
    shards = ShardReader(tmp_path / "shards")
    with pytest.raises(ConfigError, match=r"split by rows.*--allow-leak"):
        shards.default_fold(("target",))
    run = retrained(copied(), shards.folder, allow_leak=True)
    evaluation = score_run(run, shards)
    assert evaluation.on == "test"
    assert evaluation.n_rows == shards.n_rows("test")
    assert evaluation.warnings[0].startswith("Leak: the shards were split by rows")


def test_a_run_that_did_not_record_its_eras_is_refused(world, copied):
    run = replace(copied(), fold=None)
    with pytest.raises(
        DataError, match=r"version 0\.1\.0.*still predicts\. Run `nai train trees`"
    ):
        score_run(run, world.shards)


def test_a_refit_has_no_eras_to_be_scored_on(world, copied):
    run = copied()
    refit = replace(
        run, fold=Fold(tuple(range(1, 50)), (), purge=8), refit_of="2026-first"
    )
    with pytest.raises(
        DataError, match=r"learned from every resolved era.*--run 2026-first"
    ):
        score_run(refit, world.shards)


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
        (
            {"id": ["n"], "numerai_meta_model": ["high"]},
            r"meta_model\.parquet has the column 'numerai_meta_model', .* no numbers",
        ),
        (
            {"id": ["n"], "numerai_meta_model": [np.inf]},
            r"meta_model\.parquet has 1 infinite values in the column 'numerai_meta",
        ),
    ],
)
def test_a_broken_reference_is_named(world, copied, tmp_path, content, sentence):
    path = tmp_path / "meta_model.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pd.DataFrame(content).to_parquet(path)
    with pytest.raises(DataError, match=sentence):
        score_run(copied(), world.shards, meta_model=path)


def test_a_model_cannot_have_the_name_of_a_reference(world, copied):
    subject = replace(subject_of_run(copied(), world.shards), model="v53_lgbm_ender20")
    against = Scoring(benchmarks=tuple(world.references["benchmarks"]))
    with pytest.raises(ConfigError, match=r"'v53_lgbm_ender20' has the name of a mode"):
        evaluate([subject], world.shards, against)


def test_a_reference_with_an_id_twice_is_refused(world, copied, tmp_path):
    path = tmp_path / "meta_model.parquet"
    frame = pd.read_parquet(world.references["meta_model"])
    pd.concat([frame, frame[frame["era"] == "0045"].head(1)]).to_parquet(path)
    with pytest.raises(
        DataError, match=rf"^{re.escape(str(path))} has the id n[0-9a-f]+ 2 times\."
    ):
        score_run(copied(), world.shards, meta_model=path)


def test_eras_without_the_target_cannot_be_scored(copied, world, tmp_path, retrained):
    """All validation and test eras have `target_victor_20` only."""
    folder = tmp_path / "v5.3"
    shutil.copytree(world.data, folder)
    validation = pd.read_parquet(folder / "validation.parquet")
    validation[["target", "target_ender_20"]] = np.float32("nan")
    validation.to_parquet(folder / "validation.parquet")
    build_shards(folder, tmp_path / "shards", EtlOptions(purge=2))
    run = retrained(copied("victor"), tmp_path / "shards")
    with pytest.raises(
        DataError, match=r"^none of the test eras 39-49 in .* has a 'target' yet"
    ):
        score_run(run, ShardReader(tmp_path / "shards"))


def test_without_the_tournaments_target_the_models_own_is_taken(
    copied, world, tmp_path, retrained
):
    options = EtlOptions(purge=2, targets=("target_victor_20",))
    build_shards(world.data, tmp_path / "shards", options)
    run = retrained(copied("victor"), tmp_path / "shards")
    evaluation = score_run(run, ShardReader(tmp_path / "shards"))
    assert evaluation.target == "target_victor_20"
    assert [row.metric for row in evaluation.rows] == ["CORR"]
    assert evaluation.n_eras == 11


def test_scores_of_an_older_version_are_no_test_scores(world, copied):
    run = copied()
    score_run(run, world.shards)
    assert last_corr(run.folder) is not None
    path = run.folder / "scores.json"
    record = json.loads(path.read_text())
    del record["on"]
    path.write_text(json.dumps({**record, "layout": 1, "split": "valid"}))
    assert last_corr(run.folder) is None


def test_a_run_of_version_0_1_0_predicts(world, copied):
    run = copied()
    path = run.folder / "config.toml"
    text = path.read_text()
    start, end = text.index("[fold]"), text.index("[versions]")
    new = ("data_version = ", "refit_of = ", "unit = ", 'shards = ""', "eras = ")
    kept = [
        line
        for line in (text[:start] + text[end:]).splitlines()
        if not line.startswith(new)
    ]
    path.write_text("\n".join(kept))
    done = json.loads((run.folder / "DONE").read_text())
    done["sha256"]["config.toml"] = sha256_of(path)
    (run.folder / "DONE").write_text(json.dumps(done))
    old = Run.open(run.folder)
    assert (old.fold, old.best()) == (None, run.best())
    x = np.ones((3, 8), np.float32)
    np.testing.assert_array_equal(
        old.predictor().predict(x), run.predictor().predict(x)
    )
    with pytest.raises(DataError, match=r"version 0\.1\.0"):
        score_run(old, world.shards)
