import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from child import run_python
from recorded_progress import Killed, RecordedProgress
from small_world import FEATURES

from numerai_pipeline.core import ConfigError, DataError, locked
from numerai_pipeline.data import Fold, Scheme, decode_features
from numerai_pipeline.evaluation import (
    Backtest,
    latest_backtest,
    plan_backtest,
    run_backtest,
)
from numerai_pipeline.models import Recipe
from numerai_pipeline.training import TrainingJob, resolved_eras, train

TREES = {
    "family": "lightgbm",
    "parameters": {"n_estimators": 10, "learning_rate": 0.2, "colsample_bytree": 0.5},
    "training": {"evaluate_every": 5},
}
NETWORK = {
    "family": "mlp",
    "parameters": {"units": [4]},
    "training": {"epochs": 1, "batch_rows": 512},
}
# Two eras of purge, as the shards have: 48 eras make two folds of 16.
SCHEME = Scheme(chunk=16)


def make_plan(
    folder,
    shards,
    scheme=SCHEME,
    *,
    parallel=1,
    chosen=None,
    benchmarks=(),
    **recipe,
):
    model = folder / "models" / "trees"
    job = TrainingJob(
        name="trees",
        recipe=Recipe(**{**TREES, **recipe}),
        fold=Fold((), ()),
        untrained=model / "untrained.json",
        shards=shards.folder,
        runs=model / "runs",
        started=datetime(2026, 11, 24, 12, tzinfo=UTC),
        allow_leak=True,
        neutral_features=tuple(FEATURES),
        benchmarks=benchmarks,
    )
    eras = chosen or resolved_eras(shards, job.recipe.target)
    return plan_backtest(job, eras, scheme, parallel=parallel)


@pytest.fixture(scope="module")
def done(tmp_path_factory, world):
    """A finished backtest; read only."""
    return run_backtest(make_plan(tmp_path_factory.mktemp("backtest"), world.shards))


@pytest.fixture
def copied(done, tmp_path):
    """The finished backtest for this test only, and its plan."""
    models = done.folder.parents[2]
    shutil.copytree(models, tmp_path / "models")
    return Backtest.open(tmp_path / "models" / done.folder.relative_to(models))


def frame_of(backtest):
    return pd.read_parquet(backtest.predictions)


def test_a_change_of_prediction_trains_no_fold_again(copied, world, tmp_path):
    step = {"neutralize": {"features": "all", "proportion": 1}}
    plan = make_plan(tmp_path, world.shards, prediction=step)
    assert plan.folder != copied.folder
    progress = RecordedProgress()
    found = run_backtest(plan, progress=progress)
    assert not [one for one in progress.tasks if one.unit == "trees"]
    assert sum("not trained again" in note for note in progress.notes) == 2
    before, after = frame_of(copied), frame_of(found)
    np.testing.assert_array_equal(after["raw"], before["prediction"])
    x = world.rows.loc[after["id"], FEATURES].astype(float).fillna(2.0)
    for _, rows in after.set_index("id").groupby("era", observed=True):
        exposures = x.loc[rows.index].corrwith(rows["prediction"].astype(float))
        assert exposures.abs().max() < 1e-6


def test_other_benchmark_files_make_another_backtest_of_what_they_neutralize(
    world, tmp_path
):
    file = tmp_path / "validation_benchmark_models.parquet"

    def folder(values, **prediction):
        frame = pd.DataFrame({"id": ["n1", "n2"], "lgbm": values}).set_index("id")
        frame.to_parquet(file)
        found = make_plan(tmp_path, world.shards, benchmarks=(file,), **prediction)
        return found.folder

    step = {"prediction": {"neutralize": {"benchmarks": "lgbm"}}}
    assert folder([0.1, 0.2], **step) == folder([0.1, 0.2], **step)
    assert folder([0.1, 0.2], **step) != folder([0.1, 0.3], **step)
    assert folder([0.1, 0.2]) == folder([0.1, 0.3])


def test_each_era_is_predicted_once_by_the_model_of_its_fold(done, world):
    found = frame_of(done)
    assert list(found.columns) == ["id", "era", "fold", "prediction"]
    assert found.dtypes[["fold", "prediction"]].tolist() == [np.int16, np.float32]
    assert found["id"].is_unique
    assert [fold.test for fold in done.folds] == [
        tuple(range(17, 33)),
        tuple(range(33, 49)),
    ]
    for number, (fold, run) in enumerate(zip(done.folds, done.runs(), strict=True), 1):
        rows = found[found["fold"] == number].set_index("id")
        assert sorted(rows["era"].astype(int).unique()) == list(fold.test)
        assert run.fold == fold
        block = world.shards.read(None, eras=fold.test, features=run.features)
        expected = run.predictor().predict(decode_features(block.x, run.missing))
        ids = block.ids.astype(str)
        np.testing.assert_array_equal(rows.loc[ids, "prediction"], expected)


@pytest.mark.slow
def test_a_fold_is_the_training_that_train_makes_alone(done, world, tmp_path):
    plan = make_plan(tmp_path, world.shards)
    for job, run in zip(plan.jobs, done.runs(), strict=True):
        alone = train(replace(job, runs=tmp_path / "alone", shared_eras=()))
        assert alone.best().path.read_bytes() == run.best().path.read_bytes()


def test_what_is_written_can_be_read(done):
    opened = Backtest.open(done.folder)
    assert opened == done
    assert opened == latest_backtest(done.folder.parent)
    assert (opened.name, opened.target, opened.purge) == ("trees", "target", 2)
    assert opened.scheme == SCHEME
    assert opened.recipe.parameters["num_leaves"] == 31
    first, second = opened.results()
    assert (first.number, first.n_train_rows, first.unit) == (1, 797, "tree")
    assert first.n_rows + second.n_rows == len(frame_of(done))
    # The planted signal is learned.
    assert min(first.corr, second.corr) > 0.25


def test_the_plan_is_printed_before_the_work(world, tmp_path):
    plan = make_plan(tmp_path, world.shards)
    progress = RecordedProgress(at_note="fold 1: LightGBM:")
    with pytest.raises(Killed):
        run_backtest(plan, progress=progress)
    assert progress.notes[:-1] == [
        "backtest of trees, expanding: 2 folds predict 32 eras, 3,179 rows; purge 2",
        "fold 1: trains on 8 eras 1-8 (797 rows), chooses on 4 eras 11-14, predicts "
        "16 eras 17-32",
        "fold 2: trains on 24 eras 1-24 (2,392 rows), chooses on 4 eras 27-30, "
        "predicts 16 eras 33-48",
        "not predicted: 16 eras 1-16, since too few eras are left to learn from "
        "before them",
        "1 fold at a time, about 524 MB each; how long it takes is known when a fold "
        "is finished",
    ]


@pytest.mark.slow
def test_the_time_that_is_left_follows_from_finished_folds(world, tmp_path):
    plan = make_plan(tmp_path, world.shards)
    with pytest.raises(Killed):
        run_backtest(plan, progress=RecordedProgress(at_note="fold 2: LightGBM:"))
    again = make_plan(tmp_path, world.shards)
    assert again.folder == plan.folder
    (first,) = Backtest.open(plan.folder).results()
    assert again.seconds == pytest.approx(first.seconds / 797 * 2392)
    assert again.lines()[-1].endswith("left, going by 1 finished fold")


def test_a_finished_backtest_is_returned_at_once(copied, world, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in copied.folder.rglob("*")}
    progress = RecordedProgress()
    plan = make_plan(tmp_path, world.shards)
    later = replace(plan.job, started=plan.job.started + timedelta(days=1))
    assert run_backtest(replace(plan, job=later), progress=progress) == copied
    assert progress.notes == []
    assert before == {
        path: path.stat().st_mtime_ns for path in copied.folder.rglob("*")
    }


def test_a_fold_that_was_deleted_is_done_again(copied, done, world, tmp_path):
    shutil.rmtree(copied.fold_dir(2))
    again = run_backtest(make_plan(tmp_path, world.shards))
    assert again.folder == copied.folder
    assert frame_of(again).equals(frame_of(done))


@pytest.mark.slow
def test_a_restart_begins_again(copied, done, world, tmp_path):
    (copied.folder / "config.toml").write_text("nothing")
    with pytest.raises(DataError, match=r"config.toml of a backtest is broken"):
        run_backtest(make_plan(tmp_path, world.shards))
    again = run_backtest(make_plan(tmp_path, world.shards), restart=True)
    assert frame_of(again).equals(frame_of(done))


def test_another_recipe_scheme_or_eras_make_another_backtest(done, world, tmp_path):
    folders = {
        make_plan(tmp_path, world.shards, **options).folder.name
        for options in (
            {},
            {"seed": 2},
            {"scheme": Scheme(chunk=12)},
            {"chosen": range(1, 45)},
        )
    }
    assert len(folders) == 4
    assert done.folder.name in folders


@pytest.mark.parametrize("file", ["predictions.parquet", "config.toml"])
def test_changed_files_are_found(copied, file):
    with (copied.folder / file).open("ab") as opened:
        opened.write(b"\n")
    with pytest.raises(DataError, match=rf"{file} of a backtest is broken or changed"):
        assert Backtest.open(copied.folder).predictions


def test_without_a_finished_backtest_the_error_says_what_to_run(world, tmp_path):
    plan = make_plan(tmp_path, world.shards)
    backtests = plan.folder.parent
    with pytest.raises(DataError, match=r"no backtest of 'trees' exists .* `nai back"):
        latest_backtest(backtests)
    with pytest.raises(Killed):
        run_backtest(plan, progress=RecordedProgress(at_note="fold 1: LightGBM:"))
    with pytest.raises(DataError, match="no backtest of 'trees' is finished"):
        latest_backtest(backtests)
    with pytest.raises(DataError, match=r"is not finished. Run `nai backtest trees`"):
        assert Backtest.open(plan.folder).predictions


def test_a_backtest_is_done_by_one_process_at_a_time(world, tmp_path):
    plan = make_plan(tmp_path, world.shards)
    with (
        locked(plan.folder.parent / plan.short, doing="backtesting 'trees'"),
        pytest.raises(ConfigError, match="another process is backtesting 'trees'"),
    ):
        run_backtest(plan)


def test_a_fold_that_fails_is_named_and_the_others_are_done(world, tmp_path):
    # So few rows make no tree that splits, and all predictions are equal.
    plan = make_plan(
        tmp_path,
        world.shards,
        parameters={"n_estimators": 10, "min_data_in_leaf": 350},
        training={"evaluate_every": 5, "monitor": "val_corr"},
    )
    with pytest.raises(DataError, match=r"fold 1 of 2: 'trees' predicts the same"):
        run_backtest(plan)
    numbers = [result.number for result in Backtest.open(plan.folder).results()]
    assert numbers == [2]


@pytest.mark.slow
def test_every_nth_era_and_several_targets(world, tmp_path):
    parameters = {**TREES["parameters"], "also_targets": ["target_victor_20"]}
    scheme = Scheme("rolling", chunk=16, train_eras=24, every=2)
    plan = make_plan(
        tmp_path, world.shards, scheme, chosen=range(1, 49), parameters=parameters
    )
    backtest = run_backtest(plan)
    assert backtest.targets == ("target", "target_victor_20")
    assert backtest.folds[1].train == tuple(range(7, 25, 2))
    run = backtest.runs()[1]
    block = world.shards.read(None, eras=(40,), features=run.features)
    several = run.predictor().predict(decode_features(block.x, run.missing))
    ranks = pd.DataFrame(several).rank(pct=True).mean(axis=1)
    found = frame_of(backtest).set_index("id").loc[block.ids.astype(str)]
    np.testing.assert_allclose(found["prediction"], ranks - 0.5 / len(ranks), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["xgboost", "catboost"])
def test_other_trees(family, world, tmp_path):
    pytest.importorskip(family)
    plan = make_plan(tmp_path, world.shards, family=family)
    assert min(result.corr for result in run_backtest(plan).results()) > 0.25


@pytest.mark.slow
def test_a_network_with_windows_and_the_eras_of_its_recipe(world, tmp_path):
    training = {**NETWORK["training"], "window_eras": 2}
    recipe = {**NETWORK, "training": training, "eras": "every:4"}
    plan = make_plan(tmp_path, world.shards, Scheme(chunk=24), **recipe)
    assert [fold.train for fold in plan.folds] == [(4, 8, 12, 16)]
    backtest = run_backtest(plan)
    assert [result.unit for result in backtest.results()] == ["window"]
    assert sorted(frame_of(backtest)["era"].astype(int).unique()) == [*range(25, 49)]


@pytest.mark.slow
def test_folds_in_processes_predict_the_same(done, world, tmp_path):
    progress = RecordedProgress()
    plan = make_plan(tmp_path, world.shards, parallel=2)
    assert frame_of(run_backtest(plan, progress=progress)).equals(frame_of(done))
    assert progress.done("backtesting trees") == 2
    assert progress.done("fold 2: training trees") == 10


# A backtest is killed at one step after the other, and resumed in between. A step is an
# event that Python reports, two parts of its path, and which of them.
KILLS = """
    import multiprocessing, os, shutil, signal, sys
    from pathlib import Path
    import filelock, lightgbm, matplotlib.figure, pandas, pyarrow.parquet
    from numerai_pipeline.data import ShardReader
    from numerai_pipeline.evaluation import run_backtest

    sys.path.insert(0, sys.argv[3])
    from test_backtests import make_plan

    root, shards = Path(sys.argv[1]), ShardReader(Path(sys.argv[2]))
    fork = multiprocessing.get_context("fork")
    STEPS = {
        "plan begun": ("open", "backtests/.2", 1),
        "plan written": ("os.rename", "backtests/.2", 1),
        "run begun": ("os.rename", "folds/001/runs/.2", 1),
        "bins begun": ("open", "000.bin", 1),
        "bins written": ("os.rename", "lightgbm-shared", 1),
        "trees grown": ("os.rename", "folds/001/runs/2*/.history.csv", 1),
        "run done": ("os.rename", "folds/001/runs/2*/.DONE", 1),
        "fold predicted": ("os.rename", "folds/001/.predictions", 1),
        "fold done": ("os.rename", "folds/001/.fold.json", 1),
        "second fold begun": ("os.mkdir", "folds/002/runs/.2", 1),
        "second fold trained": ("os.rename", "folds/002/runs/2*/.DONE", 1),
        "joined": ("os.rename", "backtests/2*/.predictions", 1),
        "done": ("os.rename", "backtests/2*/.DONE", 1),
    }

    def work(name, kill_at):
        event_of_kill, pattern, wanted = kill_at or ("", "", 0)
        seen = 0

        def step(event, arguments):
            nonlocal seen
            if event == event_of_kill and matches(str(arguments[0]), pattern):
                seen += 1
                if seen == wanted:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        run_backtest(make_plan(root / name, shards))

    def matches(path, pattern):
        head, _, rest = pattern.partition("*")
        return head in path and rest in path.partition(head)[2]

    def run(name, kill_at=None):
        process = fork.Process(target=work, args=(name, kill_at))
        process.start()
        process.join()
        return process.exitcode

    def predictions(name):
        (path,) = root.glob(f"{name}/models/trees/backtests/2*/predictions.parquet")
        return path.read_bytes()

    assert run("whole") == 0
    shutil.rmtree(shards.folder.with_name("shards.bins"))
    for step, kill_at in STEPS.items():
        assert run("killed", kill_at) == -signal.SIGKILL, step
    assert run("killed") == 0
    assert predictions("killed") == predictions("whole")
    assert not list(root.glob("killed/models/trees/backtests/**/*.partial"))
    print(len(STEPS))
"""


@pytest.mark.slow
@pytest.mark.skipif("sys.platform == 'win32'", reason="a kill is a signal here")
def test_killed_at_each_step_and_resumed_it_predicts_the_same(world, tmp_path):
    shutil.copytree(world.shards.folder, tmp_path / "shards")
    done = run_python(KILLS, tmp_path, tmp_path / "shards", Path(__file__).parent)
    assert done.stdout.split() == ["13"]
