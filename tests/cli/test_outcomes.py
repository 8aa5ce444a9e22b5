"""Several models: one failure stops no other, and the exit code is the highest."""

from collections.abc import Callable
from typing import Any

import pytest

from numerai_pipeline.api import Project
from numerai_pipeline.core import ConfigError, DataError

pytestmark = pytest.mark.slow

Nai = Callable[..., Any]
NAMES = ("mlp", "broken", "lightgbm")


@pytest.fixture(autouse=True, scope="module")
def broken(project: Project) -> None:
    """Add a model whose recipe is wrong and that was never trained."""
    recipe = project.workspace.recipe_path("broken")
    if not recipe.is_file():
        project.new("mlp", "broken")
        recipe.write_text(recipe.read_text().replace("units", "unit"))


def entries(printed: Any) -> dict[str, Any]:
    assert [entry["name"] for entry in printed] == list(NAMES)
    return {entry["name"]: entry for entry in printed}


def test_train(project: Project, nai: Nai) -> None:
    def runs() -> list[int]:
        return [len([*project.workspace.runs_dir(n).glob("*/DONE")]) for n in NAMES]

    before = runs()
    printed, errors = nai("train", *NAMES, "--seed", "11", "--json", code=2)
    assert [new - old for new, old in zip(runs(), before, strict=True)] == [1, 0, 1]
    found = entries(printed)
    assert "has no key 'unit'" in found["broken"]["error"]
    assert found["broken"]["exit_code"] == 2
    assert found["lightgbm"]["best_epoch"] > 0
    assert errors == f"error: broken: {found['broken']['error']}\n"


def test_score(nai: Nai) -> None:
    printed, errors = nai("score", *NAMES, "--json", code=3)
    assert "has no run" in printed["broken"]["error"]
    assert printed["mlp"]["n_eras"] == printed["lightgbm"]["n_eras"] > 1
    assert "error: broken: 'broken' has no run" in errors
    shown, _ = nai("score", *NAMES, code=3)
    assert "failed" in shown
    assert "MMC" in shown


def test_scores_of_failures_alone_raise_the_first(project: Project) -> None:
    scored = project.score(["broken", "absent"])
    assert scored.table.empty
    for wanted in ("figure", "per_era", "predictions"):
        with pytest.raises(DataError, match="has no run"):
            getattr(scored, wanted)


def test_predict_and_submit(project: Project, nai: Nai) -> None:
    printed, errors = nai("predict", *NAMES, "--json", code=3)
    found = entries(printed)
    assert "has no run" in found["broken"]["error"]
    assert found["mlp"]["n_rows"] == found["lightgbm"]["n_rows"] > 0
    assert errors.startswith("error: broken: ")
    shown, _ = nai("predict", *NAMES, code=3)
    rows = [line.split() for line in shown.splitlines()]
    assert ["broken", "–", "–", "–", "failed"] in rows
    assert sum("was current" in line for line in shown.splitlines()) == 2

    printed, errors = nai("submit", *NAMES, "--replace", "--json", code=3)
    found = entries(printed)
    assert "has no predictions for round" in found["broken"]["error"]
    assert "Run `nai predict broken` first" in errors
    states = {row.model: row.state for row in project.ledger.rows()}
    assert {"mlp": "confirmed", "lightgbm": "confirmed"}.items() <= states.items()
    assert found["lightgbm"]["submission_id"]
    shown, _ = nai("submit", *NAMES, code=3)
    assert shown.count("was submitted") == 2
    assert "failed" in shown

    # A name that numerai.toml does not map stops no other either.
    shown, errors = nai("submit", "cnn", "lightgbm", code=2)
    assert "was submitted" in shown
    assert "does not say which Numerai model 'cnn' is" in errors


def test_the_exit_code_is_the_highest(nai: Nai) -> None:
    _, errors = nai("predict", "absent", "broken", "mlp", code=3)
    assert "error: absent: there is no model 'absent'" in errors
    assert "error: broken: " in errors
    nai("predict", "absent", "mlp", code=2)


def test_in_python_a_single_model_raises_and_several_have_outcomes(
    project: Project,
) -> None:
    with pytest.raises(ConfigError, match="has no key 'unit'"):
        project.train("broken")
    with pytest.raises(DataError, match="has no run"):
        project.predict(["broken"])
    predicted = project.predict(NAMES)
    assert list(predicted.results) == ["mlp", "lightgbm"]
    assert list(predicted.predictions.columns) == ["mlp", "lightgbm"]
    assert predicted["mlp"].n_rows > 0
    with pytest.raises(DataError, match="has no run"):
        _ = predicted["broken"]
    with pytest.raises(DataError, match="has no run"):
        list(predicted)
    assert list(predicted.table.index) == list(NAMES)
    assert "has no run" in repr(predicted)
    assert "has no run" in predicted._repr_html_()
    assert predicted.exit_code == 3
