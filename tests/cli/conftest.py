"""A workspace with two trained models on a simulated tournament."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.api import Project
from numerai_pipeline.cli import run
from numerai_simulator import RunningSimulator, running_simulator

MODELS = ("mlp", "lightgbm")


NUMERAI_NAMES = {name: f"sim_{name}" for name in (*MODELS, "broken")}


@pytest.fixture(scope="package")
def simulator(
    tmp_path_factory: pytest.TempPathFactory, tiny_market: Callable[[Path], Path]
) -> Iterator[RunningSimulator]:
    folder = tiny_market(tmp_path_factory.mktemp("tournament") / "simulator")
    with running_simulator(folder, models=tuple(NUMERAI_NAMES.values())) as running:
        yield running


@pytest.fixture(scope="package")
def project(
    tmp_path_factory: pytest.TempPathFactory,
    simulator: RunningSimulator,
    made_once: Callable[[str, Callable[[Path], object]], Path],
) -> Project:
    def write(folder: Path) -> None:
        opened = Project(folder)
        opened.init(simulation=simulator.url, models=NUMERAI_NAMES)
        opened.download()
        opened.etl()
        opened.new("mlp", units=[4], training={"epochs": 1})
        opened.new("lightgbm", n_estimators=10)
        opened.train(MODELS)
        opened.score(MODELS)

    opened = Project(tmp_path_factory.mktemp("workspace"))
    made = made_once("cli-workspace", write)
    shutil.copytree(made, opened.workspace.root, dirs_exist_ok=True)
    opened.init(simulation=simulator.url, models=NUMERAI_NAMES, force=True)
    return opened


@pytest.fixture
def nai(project: Project, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command line in the workspace; gives what is printed, or JSON."""

    def call(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        done = run([*words, "-q", "-w", str(project.workspace.root)])
        printed = capsys.readouterr()
        assert done == code, printed.err
        out = json.loads(printed.out) if "--json" in words else printed.out
        return (out, printed.err) if code else out

    return call


@pytest.fixture
def nai_in(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], Callable[..., Any]]:
    """Run command lines in a workspace; gives what is printed, JSON, or the errors."""

    def of(root: Path) -> Callable[..., Any]:
        def call(*words: str, code: int = 0) -> Any:
            capsys.readouterr()
            found = run(["-w", str(root), "-q", *words])
            printed = capsys.readouterr()
            assert found == code, printed.err
            if code:
                return printed.err
            return json.loads(printed.out) if "--json" in words else printed.out

        return call

    return of
