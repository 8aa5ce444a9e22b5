"""Backtests of ensembles: those of the members, blended by weights of earlier eras."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from child import run_python

from numerai_pipeline.core import DataError, EvaluationSettings
from numerai_pipeline.data import (
    EtlOptions,
    Scheme,
    ShardReader,
    backtest_folds,
    build_shards,
)
from numerai_pipeline.evaluation import (
    Backtest,
    EnsembleBacktest,
    EnsembleWeights,
    Scoring,
    backtest_ensemble,
    evaluate,
    subject_of_backtest,
)
from numerai_pipeline.models import ENSEMBLE, Recipe, complete_ensemble

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
# Weights need 80 earlier eras: those of the last two of these folds are learned.
N_ERAS, ROWS, SCHEME = 200, 12, Scheme(chunk=40)


def make_world(folder):
    """Write shards of many small eras; no model is needed to blend predictions."""
    random = np.random.default_rng(3)
    eras = np.repeat(np.arange(1, N_ERAS + 1), ROWS)
    rows = pd.DataFrame({"era": [f"{era:04d}" for era in eras]})
    rows["data_type"] = np.where(eras <= 100, "train", "validation")
    rows["feature_a"] = random.integers(0, 5, len(eras)).astype(np.int8)
    for target in ("target", "target_x_60"):
        rows[target] = (random.integers(0, 5, len(eras)) / 4).astype(np.float32)
    rows.index = pd.Index([f"n{row:015x}" for row in range(len(eras))], name="id")
    data = folder / "v5.3"
    data.mkdir(parents=True)
    is_train = rows["data_type"] == "train"
    rows[is_train].to_parquet(data / "train.parquet")
    rows[~is_train].to_parquet(data / "validation.parquet")
    sets = {"feature_sets": {"all": ["feature_a"]}, "targets": ["target"]}
    (data / "features.json").write_text(json.dumps(sets))
    build_shards(data, folder / "shards", EtlOptions())
    return SimpleNamespace(rows=rows, shards=ShardReader(folder / "shards"))


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("ensembles"))


def member(market, models, name, skill, *, changed_from=N_ERAS + 1, **fields):
    """Write a finished backtest: predictions that follow the target by a skill."""
    fields = {"scheme": SCHEME, "purge": 8, "targets": ("target",), **fields}
    folds = backtest_folds(
        range(1, N_ERAS + 1), fields["scheme"], purge=fields["purge"]
    )
    backtest = Backtest(
        folder=models / name / "backtests" / "20261124T120000-00000000",
        name=name,
        recipe=Recipe(family="lightgbm"),
        folds=tuple(folds),
        shards_fingerprint=market.shards.manifest.fingerprint,
        data_version="v5.3",
        started=NOON,
        **fields,
    )
    backtest.write_plan(backtest.folder)
    random = np.random.default_rng(sum(name.encode()))
    found = market.rows[["era", "target"]].assign(fold=np.int16(1))
    eras = found["era"].astype(int)
    noise = random.normal(0, 1, len(found))
    found["prediction"] = (skill * found["target"] + noise).astype(np.float32)
    found.loc[eras >= changed_from, "prediction"] *= -1
    is_tested = eras.isin([era for fold in folds for era in fold.test])
    columns = ["era", "fold", "prediction"]
    found[is_tested][columns].reset_index().to_parquet(
        backtest.folder / "predictions.parquet"
    )
    backtest.mark_done()
    return backtest


def job_of(market, models, members, weights="fitted"):
    parameters = {"members": [*members], "weights": weights}
    return EnsembleBacktest(
        name="both",
        recipe=complete_ensemble(Recipe(family=ENSEMBLE, parameters=parameters)),
        members=members,
        shards=market.shards,
        folder=models / "both" / "backtests",
        started=NOON,
        meta_model=None,
        settings=EvaluationSettings(),
    )


def two(market, models, **options):
    return {
        "good": member(market, models, "good", 0.8, **options),
        "weak": member(market, models, "weak", 0.3),
    }


def frame_of(backtest):
    return pd.read_parquet(backtest.predictions).set_index("id")


def steps_of(backtest):
    return EnsembleWeights.read(backtest.folder / "weights.json").steps


@pytest.fixture(scope="module")
def done(market, tmp_path_factory):
    """A finished backtest and those of its members; read only."""
    models = tmp_path_factory.mktemp("models")
    members = two(market, models)
    return SimpleNamespace(
        backtest=backtest_ensemble(job_of(market, models, members)),
        members=members,
        models=models,
    )


def test_each_era_is_blended_once_by_weights_of_earlier_eras(done):
    backtest = done.backtest
    assert Backtest.open(backtest.folder) == backtest
    assert backtest.folds == done.members["good"].folds
    weights = EnsembleWeights.read(backtest.folder / "weights.json")
    assert [step.start for step in weights.steps] == [0, 41, 81, 121, 161, 209]
    assert [step.n_eras for step in weights.steps] == [0, 0, 0, 0, 112, 160]
    assert weights.steps[3].weights == (0.5, 0.5)
    assert 0.5 < weights.steps[4].weights[0] < 1
    assert (weights.learned_from, weights.eras) == ("backtest", "41-200")
    found = frame_of(backtest)
    assert len(found) == 160 * ROWS
    columns = [frame_of(one).loc[found.index] for one in done.members.values()]
    eras = found["era"].astype(int).to_numpy()
    expected = weights.blend(
        np.column_stack([one["prediction"] for one in columns]), eras
    )
    np.testing.assert_allclose(found["prediction"], expected, rtol=1e-6)
    first = backtest.results()[0]
    assert (first.n_rows, first.n_train_rows) == (40 * ROWS, 20 * ROWS)
    assert (first.best_epoch, first.unit) == (2, "member")


@pytest.mark.slow
def test_it_is_scored_like_any_other(done, market):
    subject = subject_of_backtest(done.backtest, market.shards)
    [found] = evaluate([subject], market.shards, Scoring())
    assert (found.on, found.n_eras, found.warnings) == ("backtest", 160, [])
    means = [result.corr for result in done.backtest.results()]
    assert found.rows[0].summary.mean == pytest.approx(np.mean(means))


def test_later_eras_change_no_earlier_prediction(done, market, tmp_path):
    # From era 153 on the good member is as bad as it was good.
    members = two(market, tmp_path, changed_from=153)
    changed = backtest_ensemble(job_of(market, tmp_path, members))
    before, after = frame_of(done.backtest), frame_of(changed)
    is_early = before["era"].astype(int) < 153
    assert before[is_early].equals(after[is_early])
    assert not before.equals(after)
    # The weights from era 161 on are learned from eras below 153, 8 before it.
    known, same = steps_of(done.backtest), steps_of(changed)
    assert known[:5] == same[:5]
    assert known[5] != same[5]


def test_weights_follow_the_eras_that_they_may_know(done, market, tmp_path):
    members = two(market, tmp_path, changed_from=81)
    changed = backtest_ensemble(job_of(market, tmp_path, members, "shrunk"))
    known, found = steps_of(done.backtest), steps_of(changed)
    assert known[:4] == found[:4]
    assert found[4].weights[0] < known[4].weights[0]


def test_a_finished_one_is_returned_at_once(done, market):
    files = {path: path.stat().st_mtime_ns for path in done.models.rglob("*")}
    job = job_of(market, done.models, done.members)
    later = replace(job, started=NOON.replace(day=25))
    assert backtest_ensemble(later) == done.backtest
    again = {path: path.stat().st_mtime_ns for path in files}
    assert again == files


@pytest.mark.slow
def test_other_weights_members_or_payouts_make_another_one(done, market, tmp_path):
    job = job_of(market, tmp_path, done.members)
    others = [
        job,
        job_of(market, tmp_path, done.members, "equal"),
        job_of(market, tmp_path, two(market, tmp_path, changed_from=99)),
        replace(job, settings=EvaluationSettings(payout_mmc=0.5)),
    ]
    assert len({backtest_ensemble(one).folder.name for one in others}) == 4


def test_members_of_other_chunks_and_purges(market, tmp_path):
    short = {"targets": ("target_x_60",), "purge": 16, "scheme": Scheme(chunk=50)}
    members = {
        "good": member(market, tmp_path, "good", 0.8),
        "slow": member(market, tmp_path, "slow", 0.2, **short),
    }
    backtest = backtest_ensemble(job_of(market, tmp_path, members))
    tested = [era for fold in backtest.folds for era in fold.test]
    assert sorted(set(tested)) == tested
    assert backtest.purge == 16
    assert backtest.targets == ("target", "target_x_60")
    for fold in backtest.folds:
        assert fold.purge == 16
        assert fold.unseen(fold.test) == fold.test
        for one in members.values():
            [own] = [each for each in one.folds if fold.test[0] in each.test]
            assert set(fold.test) <= set(own.test)
            assert {*own.train, *own.validation} <= {*fold.train, *fold.validation}
    assert sorted(map(int, frame_of(backtest)["era"].unique())) == tested


def test_models_are_blended_and_the_blend_is_neutralized(market, tmp_path, done):
    members = two(market, tmp_path)
    path = members["good"].folder / "predictions.parquet"
    own = pd.read_parquet(path)
    # What the member's own [prediction] made of it does not count.
    members["good"].folder.joinpath("DONE").unlink()
    own.assign(raw=own["prediction"], prediction=np.float32(0)).to_parquet(path)
    members["good"].mark_done()
    job = job_of(market, tmp_path, members)
    table = {"neutralize": {"features": "all"}}
    recipe = Recipe.model_validate({**job.recipe.model_dump(), "prediction": table})
    found = frame_of(
        backtest_ensemble(replace(job, recipe=recipe, neutral_features=("feature_a",)))
    )
    plain = frame_of(done.backtest)
    np.testing.assert_array_equal(found["raw"], plain["prediction"])
    values = found.join(market.rows["feature_a"])
    for _, era in list(values.groupby("era"))[:9]:
        assert abs(np.corrcoef(era["feature_a"], era["prediction"])[0, 1]) < 1e-6


def test_without_a_common_era_there_is_no_backtest(market, tmp_path):
    members = two(market, tmp_path)
    path = members["weak"].folder / "predictions.parquet"
    frame = pd.read_parquet(path)
    members["weak"].folder.joinpath("DONE").unlink()
    frame[frame["era"] < "0081"].to_parquet(path)
    members["weak"].mark_done()
    good = members["good"].folder
    frame = pd.read_parquet(good / "predictions.parquet")
    good.joinpath("DONE").unlink()
    frame[frame["era"] >= "0081"].to_parquet(good / "predictions.parquet")
    members["good"].mark_done()
    with pytest.raises(DataError, match="good, weak have no backtest era in common"):
        backtest_ensemble(job_of(market, tmp_path, members))


# The process is killed at one step after the other; nothing but a whole folder is seen.
KILLS = """
    import multiprocessing, os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from test_ensemble_backtests import backtest_ensemble, job_of, make_world, two

    root = Path(sys.argv[1])
    fork = multiprocessing.get_context("fork")
    market = make_world(root / "world")
    members = two(market, root / "models")
    backtests = root / "models" / "both" / "backtests"

    def work(kill_at):
        seen = 0

        def step(event, arguments):
            nonlocal seen
            if event == "os.rename" and "both" in str(arguments[0]):
                seen += 1
                if seen == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        backtest_ensemble(job_of(market, root / "models", members))

    def run(kill_at):
        process = fork.Process(target=work, args=(kill_at,))
        process.start()
        process.join()
        return process.exitcode

    # The plan; the second fold's result; DONE; the folder.
    for step in (1, 6, 12, 13):
        assert run(step) == -signal.SIGKILL
        assert not list(backtests.glob("2*"))
        assert list(backtests.glob(".2*.partial"))
    assert run(14) == 0
    assert len(list(backtests.glob("2*/DONE"))) == 1
    assert not list(backtests.glob(".*.partial"))
"""


@pytest.mark.slow
@pytest.mark.skipif("sys.platform == 'win32'", reason="a kill is a signal here")
def test_killed_at_each_step_it_is_whole_or_not_there(tmp_path):
    run_python(KILLS, tmp_path, Path(__file__).parent)
