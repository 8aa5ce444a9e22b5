"""Neutralized predictions are numerai-tools' numbers, in scoring and live alike."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import gaussian, neutralize, tie_kept_rank
from recorded_progress import RecordedProgress
from small_world import FEATURES, PARAMETERS, SETS, score_run

from numerai_pipeline.core import DataError, sha256_of
from numerai_pipeline.data import Part
from numerai_pipeline.evaluation import (
    LIVE_BENCHMARKS,
    ShardRows,
    predict_rows,
    read_evaluation,
    sweep_of,
)
from numerai_pipeline.evaluation.leaks.parity import check_live_parity
from numerai_pipeline.evaluation.leaks.suspect import Suspect
from numerai_pipeline.models import Recipe
from numerai_pipeline.prediction import (
    Origin,
    check_origin,
    predict_live,
    write_noted,
)
from numerai_pipeline.training import Run, TrainingJob, train

ENDER, VICTOR = "v53_lgbm_ender20", "v53_lgbm_victor60"
TEST = tuple(range(39, 50))


@pytest.fixture(scope="module")
def neutral_run(tmp_path_factory, world, trained):
    """A function that returns the run of `trees` with a neutralization, not trained."""
    runs = tmp_path_factory.mktemp("neutral") / "models" / "trees" / "runs"
    shutil.copytree(trained["trees"], runs / trained["trees"].name)

    def make(names=FEATURES, **step):
        job = TrainingJob(
            name="trees",
            recipe=Recipe(
                family="lightgbm",
                parameters=PARAMETERS,
                training={"evaluate_every": 10},
                prediction={"neutralize": step},
            ),
            fold=world.shards.default_fold(("target",)),
            untrained=runs.parent / "untrained.json",
            shards=world.shards.folder,
            runs=runs,
            started=datetime(2026, 11, 24, 13, tzinfo=UTC),
            neutral_features=tuple(names if "features" in step else ()),
            benchmarks=tuple(world.references["benchmarks"]),
        )
        progress = RecordedProgress()
        run = train(job, progress=progress)
        assert not progress.tasks  # nothing was trained
        return run

    return make


@pytest.fixture(scope="module")
def raw(trained, world):
    """What the model predicts for the test eras, by id."""
    run = Run.open(trained["trees"])
    found = predict_rows(run, ShardRows(world.shards, Part(TEST)), RecordedProgress())
    return frame_of(found)


@pytest.fixture
def live_files(world, tmp_path):
    """A live file, and the benchmarks' predictions of its rows beside it."""

    def write(benchmarks):
        shutil.copy(world.live, tmp_path / "live.parquet")
        benchmarks.to_parquet(tmp_path / LIVE_BENCHMARKS)
        return tmp_path / "live.parquet"

    return write


def frame_of(found):
    index = pd.Index(found.ids.astype(str), name="id")
    return pd.DataFrame(
        {"era": found.eras, "prediction": found.predictions.astype(float)}, index
    )


def gaussianized(column):
    return gaussian(tie_kept_rank(column.to_frame()))


def expected_of(frame, world, features, proportion, benchmarks=()):
    """Neutralize an era with numerai-tools."""
    columns = world.rows.loc[frame.index, list(features)].astype(float).fillna(2.0)
    for one in benchmarks:
        known = gaussianized(one.reindex(frame.index).dropna()).iloc[:, 0]
        columns[one.name] = known.reindex(frame.index).fillna(0.0)
    ranked = gaussianized(frame["prediction"])
    return neutralize(ranked, columns, proportion)["prediction"]


@pytest.mark.parametrize("proportion", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("name", ["small", "all"])
def test_neutral_predictions_are_numerai_tools(
    neutral_run, raw, world, name, proportion
):
    run = neutral_run(SETS[name], features=name, proportion=proportion)
    found = predict_rows(run, ShardRows(world.shards, Part(TEST)), RecordedProgress())
    np.testing.assert_array_equal(found.raw, raw["prediction"])
    for era, rows in frame_of(found).groupby("era"):
        own = raw[raw["era"] == era]
        expected = expected_of(own, world, SETS[name], proportion)
        np.testing.assert_allclose(
            rows["prediction"], expected, rtol=0, atol=1e-9, err_msg=str(era)
        )


@pytest.mark.parametrize("names", [(ENDER,), (ENDER, VICTOR)])
def test_benchmarks_are_joined_by_id_and_gaussianized(
    neutral_run, raw, world, names, tmp_path
):
    """In era 41 a tenth of the rows is missing, in era 42 more than a fifth."""
    path = tmp_path / "validation_benchmark_models.parquet"
    benchmark = pd.read_parquet(world.references["benchmarks"][1])
    drawn = np.random.default_rng(8).random(len(benchmark))
    share = benchmark["era"].map({"0041": 0.1, "0042": 0.4}).fillna(0.0)
    benchmark = benchmark[drawn >= share].sample(frac=1, random_state=1)
    benchmark.to_parquet(path)
    run = neutral_run(features="all", benchmarks=names, proportion=0.5)
    progress = RecordedProgress()
    rows = ShardRows(world.shards, Part(TEST), benchmarks=(path,))
    found = frame_of(predict_rows(run, rows, progress))
    assert sorted(found["era"].unique()) == [era for era in TEST if era != 42]
    assert "in 1 era (number 42) they cannot be" in progress.notes[0]
    for era, own in found.groupby("era"):
        columns = [benchmark[name] for name in names]
        expected = expected_of(raw[raw["era"] == era], world, FEATURES, 0.5, columns)
        np.testing.assert_allclose(own["prediction"], expected, rtol=0, atol=1e-9)


def test_nothing_is_left_of_a_benchmark(neutral_run, world):
    run = neutral_run(benchmarks=ENDER, proportion=1)
    files = tuple(world.references["benchmarks"])
    rows = ShardRows(world.shards, Part((40,)), benchmarks=files)
    found = frame_of(predict_rows(run, rows, RecordedProgress()))["prediction"]
    benchmark = pd.read_parquet(files[1])[ENDER].reindex(found.index)
    similarity = np.corrcoef(found, gaussianized(benchmark).iloc[:, 0])[0, 1]
    assert abs(similarity) < 1e-12


def test_live_predictions_are_neutralized_alike(
    neutral_run, trained, world, live_files
):
    benchmark = pd.read_parquet(world.references["benchmarks"][1])
    live = live_files(benchmark)
    plain = predict_live(Run.open(trained["trees"]), live).set_index("id")
    for step, columns, benchmarks in (
        ({"features": "all", "proportion": 0.25}, FEATURES, []),
        ({"benchmarks": ENDER, "proportion": 1}, [], [benchmark[ENDER]]),
    ):
        found = predict_live(neutral_run(**step), live).set_index("id")["prediction"]
        expected = expected_of(plain, world, columns, step["proportion"], benchmarks)
        ranks = tie_kept_rank(expected.to_frame()).iloc[:, 0]
        np.testing.assert_allclose(found, ranks, rtol=0, atol=1e-9)


def test_live_rows_without_the_benchmark_are_not_predicted(
    neutral_run, world, live_files
):
    run = neutral_run(benchmarks=ENDER, proportion=0.5)
    benchmark = pd.read_parquet(world.references["benchmarks"][1])
    live = live_files(benchmark[benchmark["era"] != "0050"])
    with pytest.raises(DataError, match=r"less than 80% .*for live data `nai predict"):
        predict_live(run, live)
    live_files(benchmark.assign(**{ENDER: 0.5}))
    with pytest.raises(DataError, match="No other is left"):
        predict_live(run, live)
    live_files(benchmark.drop(columns=ENDER))
    with pytest.raises(DataError, match=f"'{ENDER}', which .*{LIVE_BENCHMARKS} lacks"):
        predict_live(run, live)
    live.with_name(LIVE_BENCHMARKS).unlink()
    with pytest.raises(DataError, match="which no file has"):
        predict_live(run, live)


def test_a_live_file_without_a_neutralizing_feature_is_refused(
    trained, world, tmp_path
):
    run = replace(Run.open(trained["few"]), neutral_features=("feature_a",))
    path = tmp_path / "live.parquet"
    pd.read_parquet(world.live).drop(columns="feature_a").to_parquet(path)
    with pytest.raises(DataError, match=r"has 4 of the 5 features .*feature_a is miss"):
        predict_live(run, path)


def test_other_benchmark_predictions_are_noticed_before_a_submission(tmp_path):
    live = tmp_path / "1" / "live.parquet"
    live.parent.mkdir()
    live.write_bytes(b"rows")
    benchmarks = live.with_name(LIVE_BENCHMARKS)
    benchmarks.write_bytes(b"first")
    origin = Origin("run", sha256_of(live), sha256_of(benchmarks))
    frame = pd.DataFrame({"id": ["n1"], "prediction": [0.5]})
    predictions = live.with_name("predictions_mlp.csv")
    write_noted(frame, predictions, origin)
    check_origin(predictions, run="run", live=live)
    benchmarks.write_bytes(b"second")
    with pytest.raises(DataError, match="other benchmark predictions than"):
        check_origin(predictions, run="run", live=live)


@pytest.fixture(scope="module")
def scored(neutral_run, world):
    """A neutralized run's evaluation, with 0.5 of all features taken out."""
    run = neutral_run(features="all", benchmarks=ENDER, proportion=0.5)
    return score_run(run, world.shards, **world.references, features=FEATURES)


def test_an_evaluation_says_what_was_applied(scored, world, neutral_run):
    words = f"neutralized to all + {ENDER}, proportion 0.5"
    assert (scored.neutralized, scored.left_out) == (words, ())
    assert read_evaluation(scored.folder, "test").neutralized == words
    # Only the validation file: train has no rows of these eras anyway.
    path = world.references["benchmarks"][0]
    run = neutral_run(benchmarks=ENDER, proportion=0.5)
    with pytest.raises(DataError, match=r"in 11 eras .*cannot be"):
        score_run(run, world.shards, benchmarks=[path])


def test_eras_that_were_left_out_are_warned_of(world, neutral_run, tmp_path):
    benchmark = pd.read_parquet(world.references["benchmarks"][1])
    path = tmp_path / "validation_benchmark_models.parquet"
    benchmark[benchmark["era"] != "0040"].to_parquet(path)
    run = neutral_run(benchmarks=ENDER, proportion=0.75)
    found = score_run(run, world.shards, benchmarks=[path])
    assert found.left_out == (40,)
    assert any("could not be neutralized" in each for each in found.warnings)
    # Of other benchmark predictions other ones are made.
    whole = score_run(run, world.shards, benchmarks=world.references["benchmarks"])
    assert whole.left_out == ()


def test_the_sweep_is_of_what_the_model_gives(scored, trained, world, tmp_path):
    folder = tmp_path / "plain" / trained["trees"].name
    shutil.copytree(trained["trees"], folder)
    run = Run.open(folder)
    plain = score_run(run, world.shards, **world.references, features=FEATURES)
    one, other = sweep_of(scored), sweep_of(plain)
    assert repr(one.rows) == repr(other.rows)  # NaN equals NaN
    assert one.notes[1:] == other.notes
    assert "before its own" in one.notes[0]
    assert "validation eras" in one.notes[1]
    first, *others = one.rows
    for row, metric in ((first.mmc, "MMC"), (first.payout, "payout")):
        assert row.mean == pytest.approx(plain.row(metric).summary.mean, abs=1e-9)
    assert (first.corr_difference, first.payout_difference) == (None, None)
    for row in others:
        expected = row.corr.mean - first.corr.mean
        assert row.corr_difference.mean == pytest.approx(expected)
    # What the neutralized model is scored by agrees, up to the rows without target.
    all_taken = scored.rows[0].summary.mean
    assert all_taken < first.corr.mean


def test_a_neutralized_run_passes_the_live_check(neutral_run, world, tmp_path):
    def live_ranks(run, live):
        frame = predict_live(run, live)
        return frame["id"].tolist(), frame["prediction"].to_numpy()

    suspect = Suspect(
        run=neutral_run(SETS["small"], features="small", benchmarks=ENDER),
        shards=world.shards,
        data=world.data,
        benchmarks=world.references["benchmarks"],
        predict_live=live_ranks,
        work=tmp_path,
        is_full=False,
        progress=RecordedProgress(),
    )
    assert check_live_parity(suspect).findings == ()
