"""Runs of ensembles: what they predict, what they are made of, what stops them."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from numerai_pipeline.core import SILENT, DataError, sha256_of, write_json
from numerai_pipeline.data import Fold, Part, ShardReader
from numerai_pipeline.evaluation import (
    EnsembleWeights,
    ShardRows,
    check_members,
    choose_part,
    joint_fold,
    pin,
    predict_rows,
    subject_of_run,
    union_fold,
)
from numerai_pipeline.models import ENSEMBLE, Recipe, complete_ensemble
from numerai_pipeline.prediction import predict_live
from numerai_pipeline.scoring import WeightStep, blend, rank_per_era
from numerai_pipeline.training import EnsembleJob, Run, make_ensemble_run

NAMES = ("trees", "few", "victor")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WEIGHTS = EnsembleWeights(
    "fitted",
    NAMES,
    (
        WeightStep(0, (1 / 3, 1 / 3, 1 / 3), 0),
        WeightStep(42, (0.7, 0.3, 0.0), 100),
        WeightStep(60, (0.2, 0.2, 0.6), 120),
    ),
    "test",
    "1-51",
)


class Killed(BaseException):
    """What ends the work in the middle."""


@pytest.fixture
def models(tmp_path, trained, world):
    """A folder with the models' runs, for this test only, beside it the shards."""
    (tmp_path / "shards").symlink_to(world.shards.folder, target_is_directory=True)
    for name in NAMES:
        runs = tmp_path / "models" / name / "runs"
        shutil.copytree(trained[name], runs / trained[name].name)
    return tmp_path / "models"


def run_of(models, name):
    [folder] = (models / name / "runs").glob("2*")
    return Run.open(folder)


def job_of(models, pairs=None, *, started=NOON, **parameters):
    """Return the job of an ensemble of runs, each with the one that has test eras."""
    pairs = pairs or [(run_of(models, name),) * 2 for name in NAMES]
    members = [run.name for run, _ in pairs]
    recipe = Recipe(family=ENSEMBLE, parameters={"members": members, **parameters})
    return EnsembleJob(
        name="both",
        recipe=complete_ensemble(recipe),
        members=tuple(pin(*pair) for pair in pairs),
        fold=joint_fold([tested for _, tested in pairs]),
        weighed_by={},
        runs=models / "both" / "runs",
        started=started,
    )


def made_of(job, weigh=WEIGHTS.to_dict, **options):
    shards = ShardReader(job.runs.parents[2] / "shards")
    return make_ensemble_run(job, weigh, shards, **options)


def make(models, **parameters):
    return made_of(job_of(models, **parameters))


def live_of(run, world):
    return predict_live(run, world.live)["prediction"].to_numpy()


def blended(columns, eras, *weights):
    return rank_per_era(blend(np.column_stack(columns), eras, np.array(weights)), eras)


def test_each_era_is_blended_by_its_weights_and_live_data_by_the_last(models, world):
    ensemble, members = make(models), [run_of(models, name) for name in NAMES]
    on, part = choose_part(ensemble, world.shards, "test")
    assert (on, part.eras) == ("test", tuple(range(39, 50)))
    rows = ShardRows(world.shards, part, ("target",))
    found = predict_rows(ensemble, rows, SILENT)
    alone = [predict_rows(run, rows, SILENT) for run in members]
    assert (found.ids == alone[0].ids).all()
    np.testing.assert_array_equal(found.y, alone[0].y)
    for first, last, weights in ((39, 42, (1, 1, 1)), (42, 51, (0.7, 0.3, 0))):
        at = (found.eras >= first) & (found.eras < last)
        columns = [one.predictions[at] for one in alone]
        np.testing.assert_allclose(
            rank_per_era(found.predictions[at], found.eras[at]),
            blended(columns, found.eras[at], *weights),
        )
    columns = [live_of(run, world) for run in members]
    of_live = np.zeros(len(columns[0]), int)
    np.testing.assert_allclose(
        live_of(ensemble, world), blended(columns, of_live, 0.2, 0.2, 0.6)
    )


def test_a_run_of_an_ensemble_is_a_run(models, world):
    ensemble = make(models)
    assert Run.open(ensemble.folder) == ensemble
    assert [member.model for member in ensemble.members] == list(NAMES)
    assert ensemble.targets == ("target", "target_victor_20")
    assert (ensemble.unit, ensemble.monitor, ensemble.history()) == ("member", "", [])
    assert ensemble.best().epoch == 3
    assert EnsembleWeights.read(ensemble.best().path) == WEIGHTS
    assert ensemble.chart().best is None
    assert ensemble.fold == run_of(models, "trees").fold
    subject = subject_of_run(ensemble, world.shards)
    assert subject.on == "test"
    assert subject.predictions.is_file()


def test_the_same_members_and_weights_are_the_same_run(models):
    made = make(models)

    def never():
        raise Killed

    later = NOON + timedelta(days=1)
    assert made_of(job_of(models, started=later), never) == made
    assert make(models, missing_member="drop").folder != made.folder
    assert len(list((models / "both" / "runs").glob("2*"))) == 2


def test_a_kill_leaves_nothing_and_a_restart_replaces_what_is_broken(models):
    def killed():
        raise Killed

    with pytest.raises(Killed):
        made_of(job_of(models), killed)
    assert not list((models / "both" / "runs").glob("2*"))
    made = make(models)
    made.best().path.write_text("{}")
    with pytest.raises(DataError, match=r"weights.json of a run is broken or changed"):
        made.best()
    again = made_of(job_of(models), restart=True)
    assert again.folder == made.folder
    assert again.best().epoch == 3


def test_a_refit_predicts_live_data_and_its_origin_all_other_eras(models, world):
    trees, few = run_of(models, "trees"), run_of(models, "few")
    # Another run stands for the refit, so that the two predict differently.
    other = run_of(models, "victor")
    folder = trees.folder.with_name("20261125T120000-00000000")
    shutil.copytree(other.folder, folder)
    refit = replace(Run.open(folder), name="trees")
    job = job_of(models, [(refit, trees), (few, few)])
    assert [job.members[0].run, job.members[0].tested_run] == [
        folder.name,
        trees.folder.name,
    ]
    equal = EnsembleWeights.equal(("trees", "few"))
    ensemble = made_of(job, equal.to_dict)
    columns = [live_of(run, world) for run in (other, few)]
    of_live = np.zeros(len(columns[0]), int)
    np.testing.assert_allclose(
        live_of(ensemble, world), blended(columns, of_live, 0.5, 0.5)
    )
    rows = ShardRows(world.shards, Part((40, 41)))
    found = predict_rows(ensemble, rows, SILENT)
    columns = [predict_rows(run, rows, SILENT).predictions for run in (trees, few)]
    np.testing.assert_allclose(
        rank_per_era(found.predictions, found.eras),
        blended(columns, found.eras, 0.5, 0.5),
    )


def delete(run):
    shutil.rmtree(run.folder)


def make_again(run):
    """Leave a whole run, but another one: it predicts something else."""
    best = run.best().path
    best.write_text(best.read_text() + "\n")
    record = json.loads((run.folder / "DONE").read_text())
    record["sha256"][f"checkpoints/{best.name}"] = sha256_of(best)
    (run.folder / "DONE").write_text(json.dumps(record))


def change(run):
    best = run.best().path
    best.write_text(best.read_text() + "\n")


BREAKS = {
    delete: "does not exist any more",
    make_again: "was made again since",
    change: "is broken or changed",
}


@pytest.mark.parametrize("break_it", BREAKS)
def test_a_member_that_fails_stops_the_ensemble(break_it, models, world):
    ensemble = make(models)
    break_it(run_of(models, "few"))
    problem = rf"'both'.*without its member 'few'.*{BREAKS[break_it]}.*`nai train both`"
    with pytest.raises(DataError, match=problem):
        predict_live(ensemble, world.live)
    with pytest.raises(DataError, match=problem):
        check_members(ensemble)


@pytest.mark.parametrize("break_it", BREAKS)
def test_dropped_it_leaves_its_weight_to_the_others(break_it, models, world):
    ensemble = make(models, missing_member="drop")
    break_it(run_of(models, "few"))
    left_out = []
    found = predict_live(ensemble, world.live, on_missing=left_out.append)
    [sentence] = left_out
    assert sentence.startswith("without the member 'few', of weight 0.200: ")
    assert BREAKS[break_it] in sentence
    columns = [live_of(run_of(models, name), world) for name in ("trees", "victor")]
    of_live = np.zeros(len(found), int)
    np.testing.assert_allclose(
        found["prediction"], blended(columns, of_live, 0.25, 0.75)
    )
    # A score that lacks a member would be that of another model.
    with pytest.raises(DataError, match="without its member 'few'"):
        predict_rows(ensemble, ShardRows(world.shards, Part((40,))), SILENT)


def test_it_is_neutralized_after_blending(models, world):
    job = job_of(models)
    table = {"neutralize": {"features": "small", "proportion": 1.0}}
    recipe = Recipe.model_validate({**job.recipe.model_dump(), "prediction": table})
    features = run_of(models, "few").features
    ensemble = made_of(replace(job, recipe=recipe, neutral_features=features))
    assert ensemble.folder != make(models).folder
    rows = ShardRows(world.shards, Part((40, 41)))
    found = predict_rows(ensemble, rows, SILENT)
    plain = predict_rows(make(models), rows, SILENT)
    np.testing.assert_array_equal(found.raw, plain.predictions)
    block = world.shards.read(None, eras=(40, 41), features=features, targets=())
    filled = np.where(block.x == 5, 2, block.x)
    for era in (40, 41):
        at = found.eras == era
        exposures = np.corrcoef(filled[at].T, found.predictions[at])[-1, :-1]
        assert np.abs(exposures).max() < 1e-9
        assert np.corrcoef(filled[at].T, found.raw[at])[-1, :-1].max() > 0.1
    assert not np.allclose(live_of(ensemble, world), live_of(make(models), world))
    with pytest.raises(DataError, match="has 0 of the 1 features"):
        made_of(replace(job, recipe=recipe, neutral_features=("feature_none",)))


def test_a_feature_that_live_data_lacks_stops_its_members(models, world, tmp_path):
    only = [name for name in pd.read_parquet(world.live) if name != "feature_a"]
    pd.read_parquet(world.live)[only].to_parquet(tmp_path / "live.parquet")
    ensemble, left_out = make(models, missing_member="drop"), []
    # What is left has a fifth of the weight: that would be another model.
    with pytest.raises(DataError, match=r"have 0\.20 of its weight, less than half"):
        predict_live(ensemble, tmp_path / "live.parquet", on_missing=left_out.append)
    assert len(left_out) == 2
    assert "feature_a" in left_out[0]
    shutil.rmtree(models / "few")
    with pytest.raises(DataError, match=r"have 0\.00 of its weight"):
        predict_live(ensemble, tmp_path / "live.parquet")


def test_a_member_of_nan_or_of_one_value_stops(models, world, with_leaves):
    for value, problem in (("nan", "NaN or infinity for 100"), ("0.5", "the same for")):
        with_leaves(run_of(models, "few"), value)
        with pytest.raises(DataError, match=rf"'few': it predicts {problem}"):
            predict_live(make(models), world.live)


def test_asking_for_a_run_again_changes_no_member(models, world):
    ensemble = make(models)
    done = run_of(models, "few").folder / "DONE"
    record = {**json.loads(done.read_text()), "asked": "2030-01-01T00:00:00.5Z"}
    done.write_text(json.dumps(record))
    assert len(predict_live(ensemble, world.live)) == 100


def test_a_fold_has_what_any_member_saw_and_tests_what_none_did():
    folds = [
        Fold((1, 2, 3), (6, 7), (10, 11, 12, 20), 2),
        # Its validation eras begin where the other one still learns.
        Fold((1,), (4, 5), (8, 9, 10, 11, 12, 20), 2),
        Fold((1, 2), (7,), (12, 20), 4),
    ]
    assert union_fold(folds) == Fold((1, 2, 3, 4, 5, 6, 7), (), (12, 20), 4)
    assert union_fold(folds[:2], test=(9, 10)).test == (10,)


def test_shards_that_were_split_by_rows_make_no_member(models):
    run = run_of(models, "trees")
    by_rows = replace(run, fold=replace(run.fold, by_rows=True))
    with pytest.raises(DataError, match="split by rows, so no era is out-of-sample"):
        joint_fold([run, by_rows])


@pytest.mark.parametrize(
    "change",
    [{"steps": [{"start": 1}]}, {"members": 3}, {"kind": None, "steps": None}],
)
def test_broken_weights_are_named(change, tmp_path):
    path = tmp_path / "runs" / "weights.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**WEIGHTS.to_dict(), **change}))
    with pytest.raises(DataError, match=r"weights\.json is broken"):
        EnsembleWeights.read(path)


@pytest.mark.parametrize("weights", [[], [(1.0,)]])
def test_weights_that_do_not_fit_the_members_are_named(weights, tmp_path):
    path = tmp_path / "runs" / "weights.json"
    steps = [{"start": 0, "weights": each, "n_eras": 0} for each in weights]
    write_json(path, {**WEIGHTS.to_dict(), "steps": steps})
    with pytest.raises(DataError, match="lacks a weight for each of "):
        EnsembleWeights.read(path)


def test_a_target_that_the_shards_lack_is_refused(models):
    job = job_of(models)
    job = replace(job, recipe=job.recipe.model_copy(update={"target": "target_odd"}))
    with pytest.raises(DataError, match="has no target 'target_odd', which model 'bo"):
        made_of(job)
    assert not list(job.runs.glob("2*"))
