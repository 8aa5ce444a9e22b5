import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from recorded_progress import RecordedProgress

from numerai_pipeline.core import SILENT, ConfigError, DataError
from numerai_pipeline.data import Part, ShardReader, decode_features
from numerai_pipeline.models import family
from numerai_pipeline.training import train
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.trees.backend import TreeJob, TreeRows
from numerai_pipeline.training.trees.xgboost import rows as xgboost_rows
from numerai_pipeline.training.trees.xgboost.booster import (
    XgboostBackend,
    xgboost_parameters,
)
from numerai_pipeline.training.trees.xgboost.rows import plan_matrix

pytestmark = pytest.mark.slow

BACKEND = XgboostBackend()
PAGE_BYTES = 4_096
SHARDS_SPLIT = {"train": "train", "validation": "valid"}


def ignored(_amount):
    """Take no notice of progress."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """Several blocks and pages, though the rows are few."""
    monkeypatch.setattr(xgboost_rows, "PAGE_BYTES", PAGE_BYTES)


@pytest.fixture
def make_trees_job(tmp_path, shards, trained_parameters):
    """A function that returns a job of the backend alone."""

    def make(name="run", *, missing=2.0, max_ram=8 << 30, shards=shards, **parameters):
        reader = ShardReader(shards)
        features = reader.manifest.features

        def rows(split):
            part = Part(reader.eras(SHARDS_SPLIT[split]))
            labels = Labels.read(reader, part, "target")
            return TreeRows(reader, split, part, features, "target", missing, labels)

        booster = trained_parameters(**parameters)
        return TreeJob(
            train=rows("train"),
            validation=rows("validation"),
            booster=booster,
            is_classification="num_class" in booster,
            device="cpu",
            cache=tmp_path / name / "bins",
            shared_eras=(),
            checkpoints=tmp_path / name / "run" / "checkpoints",
            n_done=0,
            max_ram_bytes=max_ram,
            progress=SILENT,
        )

    return make


@pytest.fixture
def trained_parameters(tmp_path):
    def make(**parameters):
        kind = family("xgboost")
        table = {
            "learning_rate": 0.1,
            "colsample_bytree": 0.4,
            "subsample": 0.7,
            **parameters,
        }
        path = tmp_path / "untrained.json"
        kind.write_untrained(kind.Parameters(**table), n_features=8, seed=3, path=path)
        return json.loads(path.read_text())["booster"]

    return make


def grow(job, *, evaluations=4, each=5, weights=None):
    """Grow trees as the engine does, without a kill."""
    trees = BACKEND.open(job)
    for evaluation in range(evaluations):
        of_evaluation = None if weights is None else weights(evaluation, trees)
        assert trees.grow(each, of_evaluation, ignored) == each
        trees.checkpoint((evaluation + 1) * each)
    return trees


def model_of(job, n_trees, name="model.ubj"):
    path = job.checkpoints.parent / name
    BACKEND.save(job.checkpoints, n_trees, path)
    return path.read_bytes()


def tiny_ram(job):
    """Memory for the way over the disk, but not for the other."""
    parameters = xgboost_parameters(job)
    in_memory = plan_matrix(replace(job, max_ram_bytes=1 << 60), parameters)
    return replace(job, max_ram_bytes=in_memory.memory_bytes - 1)


def best_corr(run):
    return next(row.val_corr for row in run.history()[::-1] if row.is_best)


def era_weights(job):
    eras = job.train.labels.eras

    def weights(evaluation, _trees):
        return np.where(eras % 2 == evaluation % 2, 1.0, 0.0).astype(np.float32)

    return weights


def test_it_learns_what_is_planted(make_job, shuffled_shards):
    assert best_corr(train(make_job("xgboost"))) > 0.3
    job = make_job("xgboost", shards=shuffled_shards, name="shuffled")
    assert abs(best_corr(train(job))) < 0.1


@pytest.mark.parametrize("missing", [2.0, 2.5, -1.0, float("nan")])
def test_fed_from_shards_it_is_xgboost_fed_from_an_array(make_trees_job, missing):
    import xgboost

    job = make_trees_job(missing=missing, colsample_bytree=0.5, subsample=1.0)
    trees = grow(job, evaluations=1, each=20)
    arrays = {}
    for rows in (job.train, job.validation):
        block = rows.reader.read(SHARDS_SPLIT[rows.split], targets=["target"])
        has_target = ~np.isnan(block.y[:, 0])
        arrays[rows.split] = decode_features(block.x[has_target], missing)
    usual = xgboost.XGBRegressor(
        n_estimators=20,
        tree_method="hist",
        learning_rate=0.1,
        max_depth=5,
        colsample_bytree=0.5,
        min_child_weight=20,
        random_state=3,
    ).fit(arrays["train"], job.train.labels.values)
    model_of(job, 20)
    loaded = family("xgboost").load(job.checkpoints.parent / "model.ubj")
    for split, features in arrays.items():
        predictions = usual.predict(features)
        np.testing.assert_array_equal(trees.predictions(split), predictions)
        np.testing.assert_array_equal(loaded.predict(features), predictions)


@pytest.mark.parametrize("objective", ["regression", "classification"])
@pytest.mark.parametrize("is_on_disk", [False, True])
def test_a_resumed_training_grows_the_same(make_trees_job, objective, is_on_disk):
    def make(name):
        extra = {"colsample_bynode": 0.8, "num_parallel_tree": 2}
        job = make_trees_job(name, objective=objective, extra=extra)
        return tiny_ram(job) if is_on_disk else job

    whole = make("whole")
    trees = grow(whole, weights=era_weights(whole))
    for n_done in (5, 10, 15):
        killed = make(f"killed-{n_done}")
        grow(killed, evaluations=n_done // 5, weights=era_weights(killed))
        resumed = BACKEND.open(replace(killed, n_done=n_done))
        for evaluation in range(n_done // 5, 4):
            resumed.grow(5, era_weights(killed)(evaluation, resumed), ignored)
        for split in ("train", "validation"):
            np.testing.assert_array_equal(
                resumed.predictions(split), trees.predictions(split)
            )
            assert resumed.loss(split) == trees.loss(split)
        resumed.checkpoint(20)
        assert model_of(killed, 20) == model_of(whole, 20)


def test_a_look_that_never_came_to_count_is_grown_again(make_trees_job):
    whole, killed = make_trees_job("whole"), make_trees_job("killed")
    grow(whole)
    grow(
        killed, evaluations=3
    )  # killed after the checkpoint, before the line in history.csv
    resumed = BACKEND.open(replace(killed, n_done=10))
    for n_trees in (15, 20):
        resumed.grow(5, None, ignored)
        resumed.checkpoint(n_trees)
    assert model_of(killed, 20) == model_of(whole, 20)


def test_an_earlier_best_is_saved_from_the_newest_checkpoint(make_trees_job):
    job, short = make_trees_job(), make_trees_job("short")
    grow(job)
    grow(short, evaluations=2)
    assert [path.name for path in job.checkpoints.iterdir()] == ["trees-000020.ubj"]
    assert model_of(job, 10) == model_of(short, 10)


def test_weights_decide_what_is_learned(make_trees_job):
    job = make_trees_job()
    halves = np.where(job.train.labels.eras <= 8, 1.0, 0.0).astype(np.float32)
    trees = grow(job, weights=lambda _evaluation, _trees: halves)
    other = grow(
        make_trees_job("other"), weights=lambda _evaluation, _trees: 1 - halves
    )
    errors = np.square(trees.predictions("train") - job.train.labels.values)
    others = np.square(other.predictions("train") - job.train.labels.values)
    assert np.average(errors, weights=halves) < np.average(others, weights=halves)
    assert trees.loss("train") == pytest.approx(np.average(errors, weights=halves))


def test_boosting_begins_before_the_first_tree(make_job):
    training = {"era_boost_share": 0.5, "era_weights": "eras"}
    assert best_corr(train(make_job("xgboost", training=training))) > 0.3


def test_losses_are_the_ones_that_are_minimised(make_trees_job):
    job = make_trees_job(objective="classification")
    trees = grow(job)
    valid = job.validation.labels.values
    assert trees.predictions("validation").shape == valid.shape
    assert np.corrcoef(trees.predictions("validation"), valid)[0, 1] > 0.3
    assert 0.8 < trees.loss("train") < trees.loss("validation") < np.log(5)
    job = make_trees_job("values")
    trees = grow(job)
    errors = np.square(trees.predictions("validation") - valid)
    assert trees.loss("validation") == pytest.approx(errors.mean())


@pytest.mark.parametrize("missing", [2.0, 2.5, float("nan")])
def test_pages_on_disk_give_the_same_and_are_deleted(make_trees_job, missing):
    progress = RecordedProgress()
    job = replace(make_trees_job("memory", missing=missing), progress=progress)
    on_disk = tiny_ram(
        replace(make_trees_job("disk", missing=missing), progress=progress)
    )
    trees, others = grow(job), grow(on_disk)
    assert len(list(on_disk.cache.glob("xgboost-pages-*/*"))) >= 1
    for split in ("train", "validation"):
        np.testing.assert_array_equal(
            trees.predictions(split), others.predictions(split)
        )
    assert model_of(job, 20) == model_of(on_disk, 20)
    assert "in memory" in progress.notes[0]
    assert "in pages on disk" in progress.notes[1]
    assert not job.cache.exists()
    del others
    assert list(on_disk.cache.iterdir()) == []


def test_what_killed_processes_left_is_swept_but_nothing_else(make_trees_job):
    job = tiny_ram(make_trees_job())
    left = job.cache / "xgboost-pages-1234abcd"
    left.mkdir(parents=True)
    (left / "page.cache").write_bytes(b"pages")
    trees = BACKEND.open(job)
    [held] = job.cache.glob("xgboost-pages-*/")
    assert held != left
    other = BACKEND.open(job)
    assert len(list(job.cache.glob("xgboost-pages-*/"))) == 2
    assert held.is_dir()
    del trees, other
    assert list(job.cache.iterdir()) == []


def test_pages_are_deleted_when_the_process_ends(make_trees_job, tmp_path):
    job = tiny_ram(make_trees_job())
    script = tmp_path / "script.py"
    script.write_text(
        "import pickle, sys\n"
        "from pathlib import Path\n"
        "from numerai_pipeline.training.trees.xgboost import rows\n"
        "from numerai_pipeline.training.trees.xgboost.booster import XgboostBackend\n"
        f"rows.PAGE_BYTES = {PAGE_BYTES}\n"
        "job = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "trees = XgboostBackend().open(job)\n"
        "trees.grow(2, None, lambda amount: None)\n"
        "assert len(list(job.cache.glob('xgboost-pages-*/*')))\n"
    )
    import cloudpickle

    (tmp_path / "job.pickle").write_bytes(cloudpickle.dumps(job))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(tmp_path / "job.pickle")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(job.cache.iterdir()) == []


def test_a_kill_while_rows_are_read_is_a_kill(make_job, killed_at):
    job = make_job("xgboost")
    progress, kill = killed_at(at_step=100)
    with pytest.raises(kill):
        train(job, progress=progress)
    assert best_corr(train(job)) > 0.3


def test_broken_shards_are_named(make_trees_job, market_shards):
    shards = market_shards()
    job = make_trees_job(shards=shards)
    path = next(shards.glob("train_*.tfr"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for broken in (job, tiny_ram(job)):
        with pytest.raises(DataError, match=path.name):
            BACKEND.open(broken)
    assert list(job.cache.iterdir()) == []


def test_too_little_memory_is_told_with_what_is_needed(make_trees_job):
    with pytest.raises(ConfigError, match=r"about 3\d\d MB .* even with .*--max-ram"):
        BACKEND.open(make_trees_job(max_ram=1 << 20))


def test_constraints_go_by_the_names_of_features(make_trees_job):
    names = make_trees_job().train.features
    job = make_trees_job(monotone={names[1]: -1}, interaction=[names[:1], names[1:3]])
    trees = grow(job)
    features = np.full((5, len(names)), 2, np.float32)
    features[:, 1] = np.arange(5)
    model_of(job, 20)
    path = job.checkpoints.parent / "model.ubj"
    falling = family("xgboost").load(path).predict(features)
    assert (np.diff(falling) <= 0).all()
    free = grow(make_trees_job("free"))
    assert trees.loss("train") > free.loss("train")
    gain = BACKEND.importance(path, len(names)).gain
    assert gain[0] > 0


@pytest.mark.parametrize(
    "constraint",
    [{"monotone": {"feature_z": 1}}, {"interaction": [["feature_a", "feature_z"]]}],
)
def test_an_unknown_feature_in_a_constraint_is_named(make_trees_job, constraint):
    with pytest.raises(ConfigError, match="'feature_z'"):
        BACKEND.open(make_trees_job(**constraint))


def test_importance_knows_the_planted_features(make_trees_job):
    job = make_trees_job()
    grow(job)
    model_of(job, 20)
    path = job.checkpoints.parent / "model.ubj"
    importance = BACKEND.importance(path, 8)
    assert set(np.argsort(-importance.gain)[:3].tolist()) == {0, 1, 2}
    assert importance.split.sum() > 20
    with pytest.raises(DataError, match="has 8 features, not 9"):
        BACKEND.importance(path, 9)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_cut_checkpoint_is_named(make_trees_job, share):
    job = make_trees_job()
    grow(job, evaluations=1)
    path = job.checkpoints / "trees-000005.ubj"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"trees-000005\.ubj is not a whole checkpoint"):
        BACKEND.open(replace(job, n_done=5))
    with pytest.raises(DataError, match=r"trees-000005\.ubj is not a whole checkpoint"):
        model_of(job, 5)


def test_a_missing_checkpoint_is_named(make_trees_job):
    with pytest.raises(DataError, match=r"trees-000005\.ubj does not exist"):
        BACKEND.open(replace(make_trees_job(), n_done=5))


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"colsample_bynod": 0.5}, 'it does not know "colsample_bynod"'),
        ({"colsample_bynode": 7}, "value 7 for Parameter colsample_bynode exceed"),
        ({"gamma": "much"}, "Invalid Parameter format for min_split_loss"),
        ({"grow_policy": "wide"}, "Invalid Input: 'wide', valid values are"),
    ],
)
def test_what_xgboost_does_not_take_is_refused(make_trees_job, capfd, extra, reason):
    with pytest.raises(ConfigError, match=rf"XGBoost refuses the para.*{reason}"):
        BACKEND.open(make_trees_job(extra=extra))
    assert capfd.readouterr() == ("", "")


def test_a_device_that_is_not_there_is_refused():
    assert BACKEND.device("cpu") == "cpu"
    if BACKEND.device("auto") == "cuda":
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match=r'it finds no NVIDIA GPU.* device = "cpu"'):
        BACKEND.device("cuda")


def test_a_build_without_cuda_is_told(monkeypatch):
    import xgboost

    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": False})
    with pytest.raises(ConfigError, match="built without CUDA"):
        BACKEND.device("cuda")


def test_xgboost_prints_nothing(make_job, capfd):
    train(make_job("xgboost", parameters={"min_child_weight": 1e9}))
    assert capfd.readouterr() == ("", "")
