from pathlib import Path

import pytest

from numerai_pipeline.api import Project
from numerai_pipeline.api.tensorboard import gather_curves
from numerai_pipeline.core import ConfigError, DataError, write_toml

HEADER = (
    "epoch,loss,val_loss,val_corr,seconds,is_best,val_accuracy,rows_per_second,waiting"
)
LINES = ("1,0.3,0.2,0.01,1.0,1,nan,50000.0,0.1", "2,0.2,0.3,nan,1.0,0,nan,50000.0,0.1")


def write_history(path: Path, n_lines: int) -> None:
    path.write_text("\n".join((HEADER, *LINES[:n_lines])) + "\n")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "numerai.toml").write_text("")
    return Project(tmp_path)


def new_run(project: Project, model: str, run: str = "run-1") -> Path:
    folder = project.workspace.runs_dir(model) / run
    folder.mkdir(parents=True)
    recipe = {"family": "mlp", "parameters": {}, "training": {}}
    config = {"run": {"name": model}, "recipe": recipe}
    write_toml(folder / "config.toml", config)
    write_history(folder / "history.csv", 1)
    return folder


def events(folder: Path) -> dict[str, int]:
    return {
        path.parent.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*tfevents*"))
        if path.parent.name != "best"
    }


def test_a_history_is_turned_into_curves_once_and_again_when_it_grew(
    project: Project,
) -> None:
    run = new_run(project, "mlp")
    folder = gather_curves(project)
    first = events(folder)
    assert list(first) == ["mlp/run-1"]
    gather_curves(project)
    assert events(folder) == first
    write_history(run / "history.csv", 2)
    gather_curves(project)
    assert list(events(folder)) == ["mlp/run-1"]
    assert events(folder) != first
    assert not (run / "tensorboard").exists()


def test_a_run_with_curves_of_its_own_is_linked_to(project: Project) -> None:
    run = new_run(project, "mlp")
    gather_curves(project)
    (run / "tensorboard").mkdir()
    (run / "tensorboard" / "events.out.tfevents.1").write_bytes(b"")
    shown = gather_curves(project) / "mlp" / "run-1"
    assert [path.name for path in shown.iterdir()] == ["events.out.tfevents.1"]


def test_windows_and_further_targets_are_curves_of_their_own(
    project: Project,
) -> None:
    run = new_run(project, "mlp")
    write_history(run / "history-window-001.csv", 2)
    folder = gather_curves(project)
    assert list(events(folder)) == ["mlp/run-1", "mlp/run-1-window-001"]


def test_only_the_named_models_are_shown(project: Project) -> None:
    for model in ("one", "two"):
        new_run(project, model)
    folder = gather_curves(project)
    assert list(events(folder)) == ["one/run-1", "two/run-1"]
    gather_curves(project, ["two"])
    assert list(events(folder)) == ["two/run-1"]


def test_nothing_to_show_is_said(project: Project) -> None:
    with pytest.raises(DataError, match="Run `nai train NAME` first"):
        gather_curves(project)
    with pytest.raises(ConfigError, match="there is no model 'cnn'"):
        gather_curves(project, ["cnn"])
