"""Live predictions: the transform of training, all ids, ranks in (0, 1)."""

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import tie_kept_rank

from numerai_pipeline.core import DataError
from numerai_pipeline.prediction import live_ids, predict_live, write_predictions


def live_frame(world):
    return pd.read_parquet(world.live)


def expected_ranks(run, frame):
    """Predict with pandas and LightGBM alone, as a notebook would."""
    matrix = frame[list(run.features)].astype("float32").fillna(run.missing)
    predictions = run.predictor().predict(matrix.to_numpy(np.float32))
    return tie_kept_rank(pd.Series(predictions)).to_numpy()


@pytest.fixture
def written(tmp_path):
    """A function that writes live data."""

    def write(frame, **options):
        path = tmp_path / "live.parquet"
        frame.to_parquet(path, **options)
        return path

    return write


def test_predictions_are_ranks_of_the_runs_predictions(world, copied, written):
    run = copied()
    frame = predict_live(run, written(live_frame(world), row_group_size=7))
    assert list(frame.columns) == ["id", "prediction"]
    assert frame["id"].tolist() == list(live_frame(world).index)
    np.testing.assert_allclose(
        frame["prediction"], expected_ranks(run, live_frame(world)), atol=1e-12
    )
    assert frame["prediction"].between(0, 1, inclusive="neither").all()
    assert frame["prediction"].nunique() > 50


def test_a_run_predicts_without_recipe_and_shards(world, copied, trained):
    """`copied` left everything but the run's own folder behind."""
    from numerai_pipeline.training import Run

    original = predict_live(Run.open(trained["trees"]), world.live)
    pd.testing.assert_frame_equal(predict_live(copied(), world.live), original)


def test_features_are_found_by_name(world, copied, written):
    frame = live_frame(world)
    shuffled = frame[sorted(frame.columns, reverse=True)]
    run = copied("few")
    pd.testing.assert_frame_equal(
        predict_live(run, written(shuffled)), predict_live(run, world.live)
    )


def test_missing_features_are_what_the_run_took_them_for(world, copied, written):
    frame = live_frame(world)
    run = copied("few")
    assert run.missing == 1.0
    assert frame[list(run.features)].isna().any(axis=None)
    filled = frame.copy()
    filled[list(run.features)] = filled[list(run.features)].fillna(1)
    pd.testing.assert_frame_equal(
        predict_live(run, written(filled)), predict_live(run, world.live)
    )


def test_a_missing_feature_is_counted_and_named(world, copied, written):
    path = written(live_frame(world).drop(columns=["feature_c", "feature_b"]))
    with pytest.raises(
        DataError,
        match=r"live\.parquet has 6 of the 8 features that 'trees' was trained on; "
        r"feature_b is missing\. Download live data of the release",
    ):
        predict_live(copied(), path)


def test_equal_predictions_are_refused(world, copied, with_leaves):
    with pytest.raises(
        DataError,
        match=r"^'trees' predicts the same for all 100 live rows, which earns no "
        r"score\. .*train again\.$",
    ):
        predict_live(with_leaves(copied(), "0.5"), world.live)


def test_predictions_that_are_no_numbers_are_refused(world, copied, with_leaves):
    with pytest.raises(
        DataError,
        match=r"^'trees' predicts NaN or infinity for 100 of 100 live rows\. "
        r"Lower its learning_rate",
    ):
        predict_live(with_leaves(copied(), "inf"), world.live)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.iloc[[0, 1, 1]], r"has the id n[0-9a-f]+ twice"),
        (
            lambda frame: frame.set_axis(pd.Index([None, *frame.index[1:]], name="id")),
            "has a row without an id",
        ),
        (
            lambda frame: frame.set_axis(pd.Index([*range(len(frame))], name="id")),
            "has the id 0, which is not text",
        ),
        (
            lambda frame: frame.set_axis(
                pd.Index([[row] for row in range(len(frame))], name="id")
            ),
            r"has the id \[0\], which is not text",
        ),
        (lambda frame: frame.iloc[:0], "has no rows"),
        (lambda frame: frame.reset_index(drop=True), "has no column 'id' among its"),
    ],
)
def test_ids_are_checked(world, copied, written, change, sentence):
    path = written(change(live_frame(world)))
    sentence = rf"live\.parquet {sentence}.*nai download --live --force"
    with pytest.raises(DataError, match=sentence):
        live_ids(path)
    with pytest.raises(DataError, match=sentence):
        predict_live(copied(), path)


def test_live_ids_keep_the_files_order(world):
    assert live_ids(world.live) == tuple(live_frame(world).index)


@pytest.mark.parametrize("n_bytes", [0, 100, -1])
def test_a_cut_file_is_named(world, tmp_path, n_bytes):
    path = tmp_path / "live.parquet"
    path.write_bytes(world.live.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match=r"live\.parquet is not a whole Parquet file"):
        live_ids(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"live\.parquet does not exist\. .*--live"):
        live_ids(tmp_path / "live.parquet")


def test_written_predictions_keep_every_digit(tmp_path):
    rng = np.random.default_rng(0)
    ids = [f"n{row:015x}" for row in range(7000)]
    values = (rng.permutation(7000) + 0.5) / 7000
    # Two neighbours in float64 must not become one.
    values[:2] = [0.1, np.nextafter(0.1, 1)]
    path = tmp_path / "round" / "predictions.csv"
    write_predictions(pd.DataFrame({"id": ids, "prediction": values}), path)
    header, *lines = path.read_bytes().decode().split("\n")
    assert header == "id,prediction"
    assert lines.pop() == ""
    assert [line.split(",")[0] for line in lines] == ids
    assert [float(line.split(",")[1]) for line in lines] == values.tolist()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text("old")
    with pytest.raises(KeyError):
        write_predictions(pd.DataFrame({"id": ["n"]}), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["predictions.csv"]
