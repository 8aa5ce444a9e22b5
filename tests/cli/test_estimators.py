"""An estimator of one's own, from its file in zoo/ to predictions."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from child import run_python

from numerai_pipeline.api import Project

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"

NaiIn = Callable[[Path], Callable[..., Any]]


@pytest.fixture
def root(project: Project, tmp_path: Path) -> Path:
    """A workspace with the numpy estimator of docs/zoo.md in its zoo."""
    shutil.copytree(project.workspace.root, tmp_path, dirs_exist_ok=True)
    text = PAGE.read_text(encoding="utf-8")
    block = text.split("<!-- tested: numpy estimator -->\n```python\n")[1]
    (tmp_path / "zoo").mkdir(exist_ok=True)
    (tmp_path / "zoo" / "descent.py").write_text(block.split("```")[0])
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the kill is a signal")
def test_it_is_trained_killed_resumed_scored_and_predicts(
    root: Path, nai_in: NaiIn
) -> None:
    nai = nai_in(root)
    nai("new", "descent", "mine", "--set", "steps=4")
    program = """
        import os, signal, sys
        import numpy as np
        from numerai_pipeline.cli import run

        save = np.save
        def kill_after_third(file, array):
            save(file, array)
            if file.name == "3.npy":
                os.kill(os.getpid(), signal.SIGKILL)

        np.save = kill_after_third
        run(["-w", sys.argv[1], "-q", "train", "mine"])
    """
    assert run_python(program, root, check=False).returncode == -9
    [begun] = root.glob("models/mine/runs/2*")
    assert len((begun / "history.csv").read_text().splitlines()) == 3
    assert not (begun / "DONE").exists()

    (trained,) = nai("train", "mine", "--json")
    assert trained["run"] == str(begun)
    assert len((begun / "history.csv").read_text().splitlines()) == 5
    assert nai("score", "mine", "--json")["mine"]["rows"][0]["mean"] is not None
    (predicted,) = nai("predict", "mine", "--json")
    assert predicted["n_rows"] > 0

    # Copied into another workspace, it is not loaded there.
    (root / "estimators.key").unlink()
    assert "was not saved by this workspace" in nai(
        "predict", "mine", "--force", code=3
    )


@pytest.mark.slow
def test_a_broken_one_leaves_json_valid_and_the_others_trained(
    root: Path, nai_in: NaiIn
) -> None:
    nai = nai_in(root)
    file = root / "zoo" / "descent.py"
    text = file.read_text().replace("return (features", "print('here'); return (here")
    file.write_text(text)
    nai("new", "descent", "cracked", "--set", "steps=1")
    nai("new", "sklearn", "whole", "--preset", "ridge")
    said = nai("train", "cracked", "whole", code=2)
    assert "'cracked': predict of Descent raised NameError: name 'here' is not" in said
    (trained,) = nai("train", "whole", "--json")
    assert trained["best_epoch"] == 1
