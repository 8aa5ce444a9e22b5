"""The production run predicts, until another one is promoted."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from numerai_pipeline.api import Project

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]


@pytest.fixture
def first(project: Project, nai: Nai) -> Iterator[str]:
    """Name the production run of mlp; it is that again for the tests that follow."""
    path = project.workspace.model_dir("mlp") / "PRODUCTION"
    name = path.read_text().strip()
    yield name
    nai("promote", "mlp", name)
    nai("predict", "mlp")


def test_an_experiment_does_not_predict_until_it_is_promoted(
    nai: Nai, first: str
) -> None:
    nai("train", "mlp", "--epochs", "1", "--seed", "31")
    [predicted] = nai("predict", "mlp", "--json")
    assert predicted["run"]["id"] == first
    assert "does not predict: `nai promote mlp`" in predicted["note"]
    assert f"mlp: run {first}, trained 20" in nai("predict", "mlp")
    assert nai("status", "--json")["production"]["mlp"]["id"] == first

    promoted = nai("promote", "mlp", "--json")
    assert promoted["before"]["id"] == first
    # What the former run predicted is not submitted for the new one.
    assert f"made by the run '{first}'" in nai("submit", "mlp", "--replace", code=3)[1]
    [predicted] = nai("predict", "mlp", "--json")
    assert predicted["run"]["id"] == promoted["run"]["id"] != first


def test_a_broken_experiment_does_not_keep_the_production_run_from_predicting(
    project: Project, nai: Nai
) -> None:
    broken = project.workspace.runs_dir("lightgbm") / "20300101T000000-00000000"
    broken.mkdir()
    (broken / "DONE").write_text("")
    try:
        [predicted] = nai("predict", "lightgbm", "--json")
    finally:
        shutil.rmtree(broken)
    assert f"{broken.name}/DONE" in predicted["note"]
