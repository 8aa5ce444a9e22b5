"""The whole job in one thread, by the commands that a person types.

Each step is a fixture that asks for the steps before it, so that the tests may run in
any order, and one alone.
"""

import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.cli import run
from numerai_pipeline.core import (
    Settings,
    SubmissionSettings,
    TournamentSettings,
    commented_toml,
)
from numerai_pipeline.models import families
from numerai_simulator import RunningSimulator, running_simulator

pytestmark = pytest.mark.slow

MODELS = ("mlp", "lightgbm")
OTHERS = tuple(kind.name for kind in families() if kind.name not in MODELS)

# They are to go the whole way, and these two to learn something.
LEARNING = {
    "mlp": ("units=[32]", "training.epochs=6", "training.learning_rate=0.01"),
    "lightgbm": ("n_estimators=100", "learning_rate=0.1"),
}
SMALL = {
    **dict.fromkeys(
        ("lightgbm", "xgboost", "catboost"),
        ("n_estimators=40", "training.evaluate_every=20"),
    ),
    "keras": ("training.epochs=2", "training.batch_rows=512"),
    "ridge": (),
    "estimator": (),
}


def numerai_name(model: str) -> str:
    return f"sim_{model}"[:20]  # Numerai takes no longer ones


def options(values: tuple[str, ...]) -> list[str]:
    """Return them as the words of a command line."""
    return [word for value in values for word in ("--set", value)]


@pytest.fixture(scope="module")
def simulator(
    tmp_path_factory: pytest.TempPathFactory, tiny_market: Callable[[Path], Path]
) -> Any:
    home = tiny_market(tmp_path_factory.mktemp("tournament") / "simulator")
    names = tuple(numerai_name(name) for name in (*MODELS, *OTHERS))
    with running_simulator(home, models=names) as running:
        yield running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, simulator: RunningSimulator) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    settings = Settings(
        tournament=TournamentSettings(
            simulated=True, url=simulator.url, deadline_seconds=10
        ),
        submission=SubmissionSettings(
            models={m: numerai_name(m) for m in (*MODELS, *OTHERS)}
        ),
    )
    (folder / "numerai.toml").write_text(commented_toml(settings))
    return folder


Nai = Callable[..., Any]


@pytest.fixture(scope="module")
def nai(root: Path) -> Nai:
    def call(*words: str, code: int = 0) -> Any:
        with (
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
        ):
            found = run(["--workspace", str(root), "--quiet", *words])
        assert found == code, err.getvalue()
        if code:
            return err.getvalue()
        return json.loads(out.getvalue()) if "--json" in words else out.getvalue()

    return call


@pytest.fixture(scope="module")
def downloaded(nai: Nai) -> Any:
    return nai("download", "--json")["files"]


@pytest.fixture(scope="module")
def shards(nai: Nai, root: Path, downloaded: Any) -> Path:
    del downloaded
    nai("etl")
    return root / "shards" / "main"


@pytest.fixture(scope="module")
def trained(nai: Nai, shards: Path) -> Any:
    del shards
    for name in MODELS:
        nai("new", name, *options(LEARNING[name]))
    return nai("train", *MODELS, "--json")


@pytest.fixture(scope="module")
def submitted(nai: Nai, simulator: RunningSimulator, trained: Any) -> Any:
    """What predicting and submitting gave, each done twice, and the submissions."""
    del trained
    predictions = [nai("predict", *MODELS, "--json") for _ in range(2)]
    receipts = [nai("submit", *MODELS, "--json") for _ in range(2)]
    return predictions, receipts, simulator.simulator.submissions.all()


@pytest.fixture(scope="module")
def others(nai: Nai, submitted: Any) -> Any:
    """Every other family, up to its submission; returns its receipts and scores."""
    del submitted
    for kind in families():
        if kind.name in OTHERS:
            nai("new", kind.name, *options(SMALL[kind.engine]))
    runs = nai("train", *OTHERS, "--json")
    scores = nai("score", *OTHERS, "--json")
    nai("predict", *OTHERS)
    return runs, scores, nai("submit", "--json")


@pytest.fixture(scope="module")
def month_later(nai: Nai, simulator: RunningSimulator, others: Any) -> None:
    """The clock of the tournament at the last score of the round."""
    del others
    timetable = simulator.simulator.timetable
    simulator.simulator.move_to(
        timetable.resolves(nai("status", "--json")["round"]["number"])
    )


def test_a_download_is_not_repeated(nai: Nai, downloaded: Any) -> None:
    assert [file["was_current"] for file in downloaded] == [False] * 6
    files = nai("download", "--json")["files"]
    assert [file["was_current"] for file in files] == [True] * 6


def test_shards_are_not_made_again(nai: Nai, root: Path, shards: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shards.glob("*.tfr")}
    assert before
    nai("etl")
    assert before == {path: path.stat().st_mtime_ns for path in shards.glob("*.tfr")}
    assert "train" in nai("inspect", str(shards), "--verify")
    assert "feature" in nai("inspect", str(root / "data" / "v5.3" / "train.parquet"))


def test_models_are_made_and_trained(nai: Nai, trained: Any) -> None:
    for name in MODELS:
        assert "exists" in nai("new", name, code=2)
    assert nai("train", *MODELS, "--json") == trained
    zoo = {entry["name"]: entry for entry in nai("zoo", "--json")}
    for one in trained:
        assert zoo[one["name"]]["kind"] in ("model", "family")
        assert (Path(one["run"]) / "plots" / "training.png").is_file()
        best = nai("best", one["name"], "--json")
        assert best["epoch"] == one["best_epoch"]
        assert nai("best", one["name"]).split()[0] == str(best["epoch"])
        assert "family" in nai("inspect", one["run"])


def test_a_broken_model_is_named_and_the_others_are_listed(
    nai: Nai, trained: Any
) -> None:
    del trained
    best = Path(nai("best", "lightgbm", "--json")["path"])
    content = best.read_bytes()
    best.write_bytes(content[:-1])
    assert "best.txt of a run is broken" in nai("best", "lightgbm", code=3)
    assert "best.txt of a run is broken" in nai("train", "lightgbm", code=3)
    models = {e["name"]: e for e in nai("zoo", "--json") if e["kind"] == "model"}
    assert models["lightgbm"]["best_epoch"] is None
    assert models["mlp"]["best_epoch"] is not None
    best.write_bytes(content)


def test_scores_tell_a_model_from_noise(nai: Nai, trained: Any) -> None:
    del trained
    for name, evaluation in nai("score", *MODELS, "--json").items():
        corr = next(
            row
            for row in evaluation["rows"]
            if row["metric"] == "CORR" and row["who"] == name
        )
        assert corr["mean"] > 0.02, name


def test_predictions_are_submitted_once(submitted: Any) -> None:
    predictions, receipts, submissions = submitted
    was_current = [[one["was_current"] for one in each] for each in predictions]
    assert was_current == [[False, False], [True, True]]
    was_submitted = [
        [one["was_already_submitted"] for one in each] for each in receipts
    ]
    assert was_submitted == [[False, False], [True, True]]
    assert len(submissions) == 2


def test_other_predictions_than_the_runs_are_not_submitted(
    nai: Nai, simulator: RunningSimulator
) -> None:
    path = Path(nai("predict", "mlp", "--json")[0]["path"])
    good, note = path.read_bytes(), path.with_suffix(".json")
    header, *rows = good.decode().splitlines()
    ids, values = zip(*(row.split(",") for row in rows), strict=True)
    shuffled = [f"{i},{v}" for i, v in zip(ids, values[::-1], strict=True)]
    path.write_text("\n".join([header, *shuffled, ""]))
    assert "not the one that `nai predict` wrote" in nai("submit", "mlp", code=3)
    assert "Pass --replace" in nai("submit", "mlp", "--force", code=2)
    path.write_bytes(good)
    known = json.loads(note.read_text())
    known["origin"]["run"] = "the-run-before"
    note.write_text(json.dumps(known))
    # What was submitted before a retraining stays submitted.
    assert nai("submit", "mlp", "--json")[0]["was_already_submitted"]
    assert "made by the run 'the-run-before'" in nai(
        "submit", "mlp", "--replace", code=3
    )
    assert [p["was_current"] for p in nai("predict", "mlp", "--json")] == [False]
    assert path.read_bytes() == good
    assert len(simulator.simulator.submissions.all()) == 2


def test_the_live_data_of_an_earlier_round_is_not_predicted(
    nai: Nai, root: Path
) -> None:
    live = Path(nai("predict", "mlp", "--json")[0]["path"]).with_name("live.parquet")
    earlier = root / "rounds" / "1"
    earlier.mkdir()
    shutil.copy(live, earlier)
    assert "is the live data of round 1: " in nai("predict", "mlp", code=5)
    assert "live data of round 1. Run" in nai("submit", "mlp", "--replace", code=3)
    shutil.rmtree(earlier)


def test_every_other_family_goes_the_same_way(
    nai: Nai, simulator: RunningSimulator, others: Any
) -> None:
    runs, scores, receipts = others
    assert nai("train", *OTHERS, "--json") == runs
    assert all(scores[name]["n_eras"] > 1 for name in OTHERS)
    done = {r["numerai_name"]: r["was_already_submitted"] for r in receipts}
    assert done == {numerai_name(m): m in MODELS for m in (*MODELS, *OTHERS)}
    assert len(simulator.simulator.submissions.all()) == len(done)


def test_a_month_later_there_are_scores(nai: Nai, month_later: None) -> None:
    del month_later
    found = nai("status", "--json")
    for name in MODELS:
        last = [s for s in found["scores"][name] if s["day"] == 20]
        assert {s["is_resolved"] for s in last} == {True}
    assert "of 20" in nai("status")


def test_a_closed_round_is_said(
    nai: Nai, simulator: RunningSimulator, month_later: None
) -> None:
    del month_later
    timetable, now = simulator.simulator.timetable, simulator.clock.now()
    if timetable.is_open(timetable.latest_opened(now), now):
        simulator.simulator.move_to(timetable.closes(timetable.latest_opened(now)))
    assert "No round is open" in nai("predict", "mlp", code=4)
