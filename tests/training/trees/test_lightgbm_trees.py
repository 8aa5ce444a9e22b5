import json
from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.training import train


def test_fed_from_shards_it_is_lightgbm_fed_from_an_array(make_job, shards):
    import lightgbm

    job = make_job(parameters={"n_estimators": 30})
    run = train(job)
    reader = ShardReader(shards)
    train_rows, valid_rows = (
        reader.read(split, targets=["target"]) for split in ("train", "valid")
    )
    has_target = ~np.isnan(train_rows.y[:, 0])
    parameters = json.loads(job.untrained.read_text())["booster"]
    data = lightgbm.Dataset(
        decode_features(train_rows.x[has_target], 2.0).astype(np.float64),
        label=train_rows.y[has_target, 0],
        params=parameters,
    )
    booster = lightgbm.train(parameters, data, num_boost_round=run.best().epoch)
    features = decode_features(valid_rows.x, 2.0)
    np.testing.assert_allclose(
        run.predictor().predict(features), booster.predict(features), rtol=1e-6
    )


def test_defect_4_rows_without_the_target_are_dropped(make_job, shards):
    run = train(make_job(parameters={"n_estimators": 10}))
    model = run.best().path.read_text()
    counts = model[model.index("internal_count=") :].split("\n")[0]
    root = int(counts.removeprefix("internal_count=").split()[0])
    targets = ShardReader(shards).read("train", targets=["target"]).y[:, 0]
    assert root == np.count_nonzero(~np.isnan(targets)) < len(targets)


def test_a_killed_training_goes_on_and_learns_the_same(
    make_job, tmp_path, killed_at
):
    job = make_job()
    progress, kill = killed_at(at_note="tree 30:")
    with pytest.raises(kill):
        train(job, progress=progress)
    run = train(job)
    assert len(list(job.runs.glob("2*"))) == 1
    whole = train(replace(job, runs=tmp_path / "whole"))
    assert [replace(row, seconds=0.0) for row in run.history()] == [
        replace(row, seconds=0.0) for row in whole.history()
    ]
    assert run.best().path.read_text() == whole.best().path.read_text()


def test_lightgbm_prints_nothing(make_job, capfd):
    train(make_job(parameters={"n_estimators": 10, "min_data_in_leaf": 100_000}))
    assert capfd.readouterr() == ("", "")
