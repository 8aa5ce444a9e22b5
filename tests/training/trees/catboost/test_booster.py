import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import SILENT, ConfigError, DataError
from numerai_pipeline.data import Part, ShardReader, decode_features
from numerai_pipeline.models import family
from numerai_pipeline.training import train
from numerai_pipeline.training.job import make_plan
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.trees.backend import TreeJob, TreeRows

pytest.importorskip("catboost")

from numerai_pipeline.training.trees.catboost.booster import CatboostBackend, part_path

pytestmark = pytest.mark.slow

BACKEND = CatboostBackend()
SHARDS_SPLIT = {"train": "train", "validation": "valid"}


def quiet(_trees):
    pass


@pytest.fixture
def tree_job(make_job, tmp_path):
    """A function that returns what the engine would hand to the library."""

    def make(*, n_done=0, name=None, missing=2.0, max_ram=10**12, **parameters):
        job = make_job("catboost", name=name, parameters=parameters, missing=missing)
        plan = make_plan(job)
        checkpoints = tmp_path / (name or "catboost") / "checkpoints"
        checkpoints.mkdir(exist_ok=True)

        def rows(split):
            part = Part(plan.reader.eras(SHARDS_SPLIT[split]))
            labels = Labels.read(plan.reader, part, "target")
            return TreeRows(
                plan.reader, split, part, plan.features, "target", missing, labels
            )

        return TreeJob(
            train=rows("train"),
            validation=rows("validation"),
            booster=json.loads(job.untrained.read_text())["booster"],
            is_classification=parameters.get("objective") == "classification",
            device="cpu",
            cache=tmp_path / "shards.bins",
            shared_eras=(),
            checkpoints=checkpoints,
            n_done=n_done,
            max_ram_bytes=max_ram,
            progress=SILENT,
        )

    return make


def features_of(job, split):
    reader, target = job.train.reader, job.train.target
    rows = reader.read(
        SHARDS_SPLIT[split], features=job.train.features, targets=[target]
    )
    missing = job.train.missing
    return decode_features(rows.x[~np.isnan(rows.y[:, 0])], missing)


def grow(trees, *, evaluations, weights=None, start=0):
    """Grow ten trees per evaluation, each with its weights, and write checkpoints."""
    for evaluation in range(start, evaluations):
        assert trees.grow(10, weights and weights[evaluation], quiet) == 10
        trees.checkpoint(10 * (evaluation + 1))


def state_of(trees):
    return [trees.predictions(split) for split in SHARDS_SPLIT], [
        trees.loss(split) for split in SHARDS_SPLIT
    ]


def assert_same(one, other):
    for ours, theirs in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one[1] == other[1]


def some_weights(job):
    random = np.random.default_rng(5)
    eras = job.train.labels.eras
    return [
        None,
        random.uniform(0.5, 2, len(eras)).astype(np.float32),
        (eras > 6).astype(np.float32),
        None,
    ]


VARIANTS = [
    {},
    {"colsample_bytree": 1.0, "max_depth": 3},
    {"missing": float("nan")},
    {"missing": 2.5},
    {"missing": -1.0},
    {"objective": "classification"},
    {"grow_policy": "Depthwise", "min_data_in_leaf": 20},
    {"monotone": {"feature_a": 1, "feature_b": 1}},
]


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_killed_at_any_look_it_grows_what_it_would_have_grown(tree_job, parameters):
    job = tree_job(name="whole", **parameters)
    weights = some_weights(job)
    whole = BACKEND.open(job)
    grow(whole, evaluations=4, weights=weights)
    for n_evaluations in range(4):
        part = tree_job(name=f"killed-{n_evaluations}", **parameters)
        grow(BACKEND.open(part), evaluations=n_evaluations, weights=weights)
        resumed = BACKEND.open(replace(part, n_done=10 * n_evaluations))
        grow(resumed, evaluations=4, weights=weights, start=n_evaluations)
        assert_same(state_of(resumed), state_of(whole))


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_the_saved_model_predicts_what_was_looked_at(tree_job, tmp_path, parameters):
    job = tree_job(**parameters)
    trees = BACKEND.open(job)
    grow(trees, evaluations=2)
    seen = trees.predictions("validation")
    grow(trees, evaluations=3, start=2)
    BACKEND.save(job.checkpoints, 20, tmp_path / "best.cbm")
    predictor = family("catboost").load(tmp_path / "best.cbm")
    predictions = predictor.predict(features_of(job, "validation"))
    np.testing.assert_allclose(predictions, seen, rtol=1e-6)
    correlation = np.corrcoef(predictions, job.validation.labels.values)[0, 1]
    assert correlation > 0.2


@pytest.mark.parametrize("missing", [2.0, 2.5, float("nan")])
def test_its_pool_is_catboosts_own_of_an_array(tree_job, missing):
    import catboost

    job = tree_job(missing=missing, colsample_bytree=1.0)
    trees = BACKEND.open(job)
    trees.grow(20, None, quiet)
    parameters = {k: v for k, v in job.booster.items() if k != "monotone"}
    theirs = catboost.CatBoost(
        {
            **parameters,
            "iterations": 20,
            "allow_writing_files": False,
            "verbose": False,
        }
    ).fit(features_of(job, "train"), job.train.labels.values)
    np.testing.assert_allclose(
        trees.predictions("validation"),
        theirs.predict(features_of(job, "validation")),
        rtol=1e-5,
    )


def test_one_tree_at_a_time_is_a_model_too(tree_job, tmp_path):
    job = tree_job()
    trees = BACKEND.open(job)
    for _ in range(12):
        assert trees.grow(1, None, quiet) == 1
    trees.checkpoint(12)
    resumed = BACKEND.open(replace(job, n_done=12))
    assert_same(state_of(resumed), state_of(trees))
    BACKEND.save(job.checkpoints, 12, tmp_path / "best.cbm")
    predictor = family("catboost").load(tmp_path / "best.cbm")
    np.testing.assert_allclose(
        predictor.predict(features_of(job, "validation")),
        trees.predictions("validation"),
        rtol=1e-6,
    )


def test_a_look_that_never_came_to_count_is_forgotten(tree_job):
    job = tree_job()
    trees = BACKEND.open(job)
    grow(trees, evaluations=2)
    BACKEND.open(replace(job, n_done=10))
    assert not part_path(job.checkpoints, 20).exists()
    assert part_path(job.checkpoints, 10).exists()


def test_losses_are_mean_squared_error_and_cross_entropy(tree_job):
    job = tree_job()
    trees = BACKEND.open(job)
    values = job.validation.labels.values.astype(np.float64)
    mean = job.train.labels.values.mean(dtype=np.float64)
    assert trees.loss("validation") == pytest.approx(np.mean((values - mean) ** 2))
    classes = tree_job(name="classes", objective="classification")
    trees = BACKEND.open(classes)
    shares = np.bincount((job.train.labels.values * 4).astype(int)) / len(job.train)
    expected = -np.log(shares)[(values * 4).astype(int)].mean()
    assert trees.loss("validation") == pytest.approx(expected)
    before = trees.loss("train")
    trees.grow(10, None, quiet)
    assert trees.loss("train") < before


def test_rows_without_weight_teach_nothing(tree_job):
    job = tree_job(colsample_bytree=1.0)
    halves = job.train.labels.eras > 9
    labels = job.train.labels
    spoilt = Labels(np.where(halves, labels.values, 1 - labels.values), labels.eras)
    trees = BACKEND.open(replace(job, train=replace(job.train, labels=spoilt)))
    trees.grow(20, halves.astype(np.float32), quiet)
    corr = job.validation.labels.corr(
        trees.predictions("validation").astype(np.float32)
    )
    assert corr > 0.2


def test_each_tree_is_told_and_a_kill_there_is_a_kill(tree_job, killed_at):
    trees = BACKEND.open(tree_job())
    advanced = []
    trees.grow(7, None, advanced.append)
    assert advanced == [1] * 7
    progress, kill = killed_at(at_step=3)
    with (
        progress.task("", 10, "trees") as advance,
        pytest.raises(kill),
    ):
        trees.grow(10, None, advance)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_checkpoint_is_named(tree_job, tmp_path, share):
    job = tree_job()
    grow(BACKEND.open(job), evaluations=2)
    path = part_path(job.checkpoints, 10)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for go_on in (
        lambda: BACKEND.open(replace(job, n_done=20)),
        lambda: BACKEND.save(job.checkpoints, 20, tmp_path / "best.cbm"),
    ):
        with pytest.raises(DataError, match=r"trees-000010\.cbm is not a whole"):
            go_on()


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        (10, r"lacks trees before trees-000020\.cbm"),
        (20, r"trees-000020\.cbm does not exist"),
    ],
)
def test_a_lost_checkpoint_is_named(tree_job, tmp_path, lost, sentence):
    job = tree_job()
    grow(BACKEND.open(job), evaluations=2)
    part_path(job.checkpoints, lost).unlink()
    with pytest.raises(DataError, match=sentence):
        BACKEND.open(replace(job, n_done=20))
    with pytest.raises(DataError, match=sentence):
        BACKEND.save(job.checkpoints, 20, tmp_path / "best.cbm")


def test_too_little_memory_is_told_before_anything_is_read(tree_job, killed_at):
    progress, _ = killed_at()
    job = replace(tree_job(max_ram=10**6), progress=progress)
    with pytest.raises(ConfigError, match=r"about \d+ MB .* but may use only 1\.0 MB"):
        BACKEND.open(job)
    assert progress.notes[0].startswith("CatBoost: ")
    assert "rows of 8 features at a byte per value, about " in progress.notes[0]


def test_devices(monkeypatch):
    assert BACKEND.device("cpu") == BACKEND.device("auto") == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # where there is one
    with pytest.raises(ConfigError, match="CatBoost finds no GPU to train on"):
        BACKEND.device("cuda")


def test_a_gpu_cannot_choose_from_a_share_of_the_features(tree_job):
    with pytest.raises(ConfigError, match=r"Set colsample_bytree = 1\.0"):
        BACKEND.open(replace(tree_job(), device="cuda"))


def test_a_monotone_feature_only_rises(tree_job, tmp_path):
    job = tree_job(monotone={"feature_a": -1}, colsample_bytree=1.0)
    grow(BACKEND.open(job), evaluations=3)
    BACKEND.save(job.checkpoints, 30, tmp_path / "best.cbm")
    predictor = family("catboost").load(tmp_path / "best.cbm")
    features = np.repeat(features_of(job, "validation")[:100], 5, axis=0)
    features[:, 0] = np.tile(np.arange(5), 100)
    steps = np.diff(predictor.predict(features).reshape(100, 5), axis=1)
    assert (steps <= 1e-7).all()


def test_an_unknown_monotone_feature_is_named(tree_job):
    with pytest.raises(ConfigError, match="names the feature 'beta', which is not in"):
        BACKEND.open(tree_job(monotone={"beta": 1}))


def test_a_class_without_rows_is_named(tree_job):
    job = tree_job(objective="classification")
    values = job.train.labels.values
    labels = Labels(np.where(values == 1, 0.75, values), job.train.labels.eras)
    with pytest.raises(DataError, match=r"no training row has 1\.0 as 'target'"):
        BACKEND.open(replace(job, train=replace(job.train, labels=labels)))


def test_a_parameter_that_catboost_refuses_is_told(tree_job):
    job = tree_job()
    with pytest.raises(ConfigError, match=r"refuses the parameters .*depth is 16"):
        BACKEND.open(replace(job, booster={**job.booster, "depth": 99}))


def test_what_catboost_says_is_told_without_its_source(tree_job):
    job = tree_job()
    with pytest.raises(ConfigError) as caught:
        BACKEND.open(replace(job, booster={**job.booster, "learning_rate": 1e99}))
    assert "(For Constant shrink mode: (model_shrink_rate" in str(caught.value)


def test_a_parameter_that_catboost_does_not_know_is_named(tree_job):
    with pytest.raises(ConfigError, match=r"CatBoost refuses .*option \{baggin\}"):
        BACKEND.open(tree_job(extra={"baggin": 1}))


def test_targets_that_are_all_the_same_are_learned(tree_job):
    job = tree_job()
    labels = Labels(np.full_like(job.train.labels.values, 0.5), job.train.labels.eras)
    trees = BACKEND.open(replace(job, train=replace(job.train, labels=labels)))
    assert trees.grow(5, None, quiet) == 5
    np.testing.assert_allclose(trees.predictions("validation"), 0.5)


def test_importance_is_of_all_features_in_order(tree_job, tmp_path):
    job = tree_job(colsample_bytree=1.0, max_depth=2)
    grow(BACKEND.open(job), evaluations=1)
    BACKEND.save(job.checkpoints, 10, tmp_path / "best.cbm")
    importance = BACKEND.importance(tmp_path / "best.cbm", 8)
    assert importance.gain.sum() == pytest.approx(100)
    assert importance.gain[:3].min() > importance.gain[3:].max()
    assert np.isnan(importance.split).all()
    with pytest.raises(DataError, match="has 8 features, not 9"):
        BACKEND.importance(tmp_path / "best.cbm", 9)


def history_of(run):
    return [replace(row, seconds=0.0) for row in run.history()]


@pytest.mark.parametrize(
    ("parameters", "training"),
    [
        ({}, {"era_boost_share": 0.5}),
        ({"extra": {"bootstrap_type": "Bernoulli", "subsample": 0.5}}, {}),
        ({"extra": {"bootstrap_type": "Bayesian", "bagging_temperature": 2}}, {}),
    ],
)
def test_a_killed_run_goes_on_and_is_the_same(
    make_job, tmp_path, killed_at, parameters, training
):
    job = make_job("catboost", parameters=parameters, training=training)
    progress, kill = killed_at(at_note="tree 30:")
    with pytest.raises(kill):
        train(job, progress=progress)
    resumed = train(job)
    whole = train(replace(job, runs=tmp_path / "whole"))
    assert history_of(resumed) == history_of(whole)
    assert resumed.best().path.read_bytes() == whole.best().path.read_bytes()
    rows = ShardReader(job.shards).read("valid")
    predictions = resumed.predictor().predict(decode_features(rows.x, 2.0))
    assert np.ptp(predictions) > 0.1


def test_nothing_is_printed_and_nothing_is_left(make_job, capfd, tmp_path):
    job = make_job("catboost", parameters={"objective": "classification"})
    run = train(job)
    assert capfd.readouterr() == ("", "")
    beside = {path.name for path in job.shards.parent.iterdir()}
    assert not {name for name in beside if name.startswith("tmp")}
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == [
        "best.cbm"
    ]
    assert "catboost_info" not in {path.name for path in tmp_path.iterdir()}
    assert "catboost" in sys.modules
