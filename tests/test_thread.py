"""The whole job in one thread, by the commands that a person types."""

import json
from collections.abc import Callable
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
from numerai_simulator import RunningSimulator, preset, running_simulator

pytestmark = pytest.mark.slow

MODELS = ("mlp", "lightgbm")
OTHERS = tuple(kind.name for kind in families() if kind.name not in MODELS)

# They are to go the whole way, not to learn much.
SMALL = {
    "lightgbm": ("n_estimators=40", "training.evaluate_every=20"),
    "keras": ("training.epochs=2", "training.batch_rows=512"),
}


def numerai_name(model: str) -> str:
    return f"sim_{model}"[:20]  # Numerai takes no longer ones


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("simulator")
    names = tuple(numerai_name(name) for name in (*MODELS, *OTHERS))
    with running_simulator(home, preset("tiny"), models=names) as running:
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


@pytest.fixture
def nai(root: Path, capsys: pytest.CaptureFixture[str]) -> Nai:
    def call(*words: str, code: int = 0) -> Any:
        assert run(["--workspace", str(root), "--quiet", *words]) == code
        printed = capsys.readouterr()
        if code:
            return printed.err
        return json.loads(printed.out) if "--json" in words else printed.out

    return call


def test_from_nothing_to_shards(nai: Nai, root: Path) -> None:
    files = nai("download", "--json")["files"]
    assert [file["was_current"] for file in files] == [False] * 6
    files = nai("download", "--json")["files"]
    assert [file["was_current"] for file in files] == [True] * 6
    nai("etl")
    before = {p: p.stat().st_mtime_ns for p in (root / "shards").rglob("*.tfr")}
    nai("etl")
    assert before == {p: p.stat().st_mtime_ns for p in (root / "shards").rglob("*.tfr")}
    assert "train" in nai("inspect", str(root / "shards" / "main"), "--verify")
    assert "feature" in nai("inspect", str(root / "data" / "v5.3" / "train.parquet"))


def test_models_are_made_and_trained(nai: Nai) -> None:
    for name in MODELS:
        nai("new", name)
        assert "exists" in nai("new", name, code=2)
    runs = nai("train", *MODELS, "--json")
    again = nai("train", *MODELS, "--json")
    assert runs == again
    zoo = {entry["name"]: entry for entry in nai("zoo", "--json")}
    for trained in runs:
        assert zoo[trained["name"]]["kind"] in ("model", "family")
        assert (Path(trained["run"]) / "plots" / "training.png").is_file()
        best = nai("best", trained["name"], "--json")
        assert best["epoch"] == trained["best_epoch"]
        assert nai("best", trained["name"]).split()[0] == str(best["epoch"])
        assert "family" in nai("inspect", trained["run"])


def test_a_broken_model_is_told_and_the_others_are_listed(nai: Nai) -> None:
    best = Path(nai("best", "lightgbm", "--json")["path"])
    content = best.read_bytes()
    best.write_bytes(content[:-1])
    assert "best.txt of a run is broken" in nai("best", "lightgbm", code=3)
    assert "best.txt of a run is broken" in nai("train", "lightgbm", code=3)
    models = [entry for entry in nai("zoo", "--json") if entry["kind"] == "model"]
    assert [entry["best_epoch"] is None for entry in models] == [True, False]
    best.write_bytes(content)


def test_scores_tell_a_model_from_noise(nai: Nai) -> None:
    for name, evaluation in nai("score", *MODELS, "--json").items():
        corr = next(
            row
            for row in evaluation["rows"]
            if row["metric"] == "CORR" and row["who"] == name
        )
        assert corr["mean"] > 0.02, name


def test_predictions_are_submitted_once(nai: Nai, simulator: RunningSimulator) -> None:
    predictions = nai("predict", *MODELS, "--json")
    assert [p["was_current"] for p in predictions] == [False, False]
    assert [p["was_current"] for p in nai("predict", *MODELS, "--json")] == [True, True]
    receipts = nai("submit", *MODELS, "--json")
    assert [r["was_already_submitted"] for r in receipts] == [False, False]
    receipts = nai("submit", *MODELS, "--json")
    assert [r["was_already_submitted"] for r in receipts] == [True, True]
    assert len(simulator.simulator.submissions.all()) == 2


def test_every_other_family_goes_the_same_way(
    nai: Nai, simulator: RunningSimulator
) -> None:
    for kind in families():
        if kind.name in OTHERS:
            small = SMALL["keras" if kind.engine == "keras" else "lightgbm"]
            nai("new", kind.name, *(w for key in small for w in ("--set", key)))
    assert nai("train", *OTHERS, "--json") == nai("train", *OTHERS, "--json")
    scores = nai("score", *OTHERS, "--json")
    assert all(scores[name]["n_eras"] > 1 for name in OTHERS)
    nai("predict", *OTHERS)
    receipts = nai("submit", "--json")
    done = {r["numerai_name"]: r["was_already_submitted"] for r in receipts}
    assert done == {numerai_name(m): m in MODELS for m in (*MODELS, *OTHERS)}
    assert len(simulator.simulator.submissions.all()) == len(done)


def test_a_month_later_there_are_scores(nai: Nai, simulator: RunningSimulator) -> None:
    resolves = simulator.simulator.timetable
    number = json.loads(json.dumps(nai("status", "--json")["round"]["number"]))
    simulator.simulator.move_to(resolves.resolves(number))
    found = nai("status", "--json")
    for name in MODELS:
        last = [s for s in found["scores"][name] if s["day"] == 20]
        assert {s["is_resolved"] for s in last} == {True}
    assert "of 20" in nai("status")


def test_a_closed_round_is_said(nai: Nai, simulator: RunningSimulator) -> None:
    timetable, now = simulator.simulator.timetable, simulator.clock.now()
    if timetable.is_open(timetable.latest_opened(now), now):
        simulator.simulator.move_to(timetable.closes(timetable.latest_opened(now)))
    assert "No round is open" in nai("predict", "mlp", code=4)
