"""Predictions that are not what the run predicts for the round are not let through."""

import json
import shutil

import pandas as pd
import pytest

from numerai_pipeline.core import DataError, sha256_of
from numerai_pipeline.prediction import (
    Origin,
    check_origin,
    earlier_live,
    noted_rows,
)
from numerai_pipeline.prediction.note import write_noted

IDS = [f"n{number:015x}" for number in range(4)]


def write_live(folder, ids, value=0):
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"feature_a": value}, index=pd.Index(ids, name="id"))
    frame.to_parquet(folder / "live.parquet")
    return folder / "live.parquet"


@pytest.fixture
def live(tmp_path):
    return write_live(tmp_path / "rounds" / "1000", IDS)


@pytest.fixture
def predictions(live):
    path = live.with_name("predictions_mlp.csv")
    frame = pd.DataFrame({"id": IDS, "prediction": [0.1, 0.2, 0.3, 0.4]})
    write_noted(frame, path, Origin("run-1", sha256_of(live)))
    return path


def test_what_was_just_predicted_is_good(predictions, live):
    check_origin(predictions, run="run-1", live=live)
    assert noted_rows(predictions, Origin("run-1", sha256_of(live))) == 4
    assert noted_rows(predictions, Origin("run-2", sha256_of(live))) is None


def test_shuffled_values_are_refused(predictions, live):
    frame = pd.read_csv(predictions)
    frame["prediction"] = frame["prediction"].to_numpy()[::-1]
    frame.to_csv(predictions, index=False)
    with pytest.raises(DataError, match="not the one that `nai predict` wrote"):
        check_origin(predictions, run="run-1", live=live)
    assert noted_rows(predictions, Origin("run-1", sha256_of(live))) is None


def test_the_run_before_a_retraining_is_refused(predictions, live):
    with pytest.raises(DataError, match="by the run 'run-1', but 'run-2' is used now"):
        check_origin(predictions, run="run-2", live=live)


def test_other_live_data_is_refused(predictions, live):
    write_live(live.parent, IDS, value=1)
    with pytest.raises(DataError, match="made from other live data than"):
        check_origin(predictions, run="run-1", live=live)


def test_a_file_without_its_note_is_refused(predictions, live):
    predictions.with_suffix(".json").unlink()
    with pytest.raises(
        DataError, match=r"predictions_mlp.json .* is missing.* --force"
    ):
        check_origin(predictions, run="run-1", live=live)


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"origin": 7}', "{" * 9_000])
def test_a_broken_note_is_refused(predictions, live, note):
    predictions.with_suffix(".json").write_text(note)
    with pytest.raises(DataError, match="predictions_mlp"):
        check_origin(predictions, run="run-1", live=live)


def test_the_live_data_of_an_earlier_round_is_known(predictions, live):
    rounds = live.parent.parent
    for number in ("7", "999"):
        write_live(rounds / number, [f"m{number}"])
    write_live(rounds / "notes", IDS)
    assert earlier_live(live) is None
    shutil.copy(live, rounds / "7" / "live.parquet")  # not the newest of them
    assert earlier_live(live) == rounds / "7" / "live.parquet"
    with pytest.raises(DataError, match=r"holds the live data of round 7. Run `nai pr"):
        check_origin(predictions, run="run-1", live=live)


def test_the_rows_of_the_last_round_are_known_whatever_the_bytes(live):
    last = write_live(live.parent.parent / "999", [*IDS[:2], "n9", "n8"], value=3)
    assert earlier_live(live) == last
    last.write_bytes(b"broken")
    assert earlier_live(live) is None


def test_the_next_rounds_live_data_is_not_earlier(live):
    shutil.copytree(live.parent, live.parent.parent / "1001")
    assert earlier_live(live) is None


def test_the_note_is_json_of_this_shape(predictions, live):
    assert json.loads(predictions.with_suffix(".json").read_text()) == {
        "origin": {"run": "run-1", "live_sha256": sha256_of(live)},
        "rows": 4,
        "is_whole": True,
        "sha256": sha256_of(predictions),
    }


def test_what_lacks_a_member_is_submitted_but_made_again(predictions, live):
    origin = Origin("run-1", sha256_of(live))
    frame = pd.read_csv(predictions)
    assert noted_rows(predictions, origin) == 4
    write_noted(frame, predictions, origin, is_whole=False)
    assert noted_rows(predictions, origin) is None
    check_origin(predictions, run="run-1", live=live)
