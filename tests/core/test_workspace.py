from pathlib import Path

import pytest

from numerai_pipeline.core import ConfigError, Workspace, retrain


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "/etc", "a/b", "a\\b", ".hidden", "-x", "ü", "x" * 65]
)
def test_a_name_stays_in_its_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a model"):
        Workspace(Path("w")).model_dir(name)


@pytest.mark.parametrize("name", ["mlp", "my-mlp_2", "lgbm.v5.3"])
def test_usual_names_are_taken(name: str) -> None:
    assert Workspace(Path("w")).runs_dir(name) == Path("w/models") / name / "runs"


@pytest.mark.parametrize("file", ["", "DONE", "checkpoints/window-001/best.txt"])
def test_the_remedy_for_a_broken_run_names_its_folder(file: str) -> None:
    run = Path("/runs/workspace/models/my-mlp/runs/2026")
    assert retrain(run / file) == (
        f"Run `nai train --restart my-mlp`, or delete {run} and train again."
    )


def test_the_remedy_for_a_model_outside_of_a_run_names_no_folder() -> None:
    assert retrain(Path("mine.keras")) == "Train the model again."
