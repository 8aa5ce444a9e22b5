"""The scripts at the root: the options that all of them take, and where they lead."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="bash is needed")

Shown = Callable[..., list[str]]


def bash(
    repository: Path, *words: str, cwd: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", str(repository / words[0]), *words[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "MPLBACKEND": "Agg"},
    )


def clone(folder: Path, nai: str) -> Path:
    """Copy the scripts beside an environment that is installed, with this `nai`."""
    for path in [*ROOT.glob("*.sh"), *ROOT.glob("*.lock"), ROOT / "pyproject.toml"]:
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    program = folder / ".venv" / "bin" / "nai"
    program.parent.mkdir(parents=True)
    program.write_text(nai)
    program.chmod(0o755)
    name = "cat requirements.lock pyproject.toml | cksum | tr ' ' -"
    stamp = subprocess.check_output(name, shell=True, cwd=folder, text=True)  # noqa: S602
    (folder / ".venv" / f".installed-{stamp.strip()}").touch()
    return folder


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Return what runs a script and shows the calls of `nai`, with the workspace."""
    folder = tmp_path / "repository"
    folder.mkdir()
    clone(folder, '#!/bin/sh\necho "${NUMERAI_WORKSPACE-here}: $*"\n')

    def call(*words: str, cwd: Path = folder) -> list[str]:
        done = bash(folder, *words, cwd=cwd)
        assert done.stderr == ""
        assert done.returncode == 0
        return done.stdout.splitlines()

    return call


def test_every_script_takes_demo_and_workspace_in_any_place(shown: Shown) -> None:
    assert shown("bestepoch.sh", "mlp") == ["here: best mlp"]
    assert shown("bestepoch.sh", "mlp", "--demo") == ["demo: best mlp"]
    assert shown("bestepoch.sh", "-w", "my x", "mlp") == ["my x: best mlp"]
    assert shown("train.sh", "--demo", "mlp", "--epochs", "3") == [
        "demo: train mlp --epochs 3"
    ]
    assert shown("train.sh", "mlp", "--workspace=w") == ["w: train mlp"]
    assert shown("prepare.sh", "--demo", "-w", "w", "--size", "tiny") == [
        "w: demo --folder w --size tiny"
    ]
    assert shown("predict.sh", "--next", "--demo") == [
        "demo: demo --predict --folder demo --next"
    ]
    assert shown("predict.sh", "mlp", "-w", "w") == ["w: predict mlp", "w: submit mlp"]


def test_prepare_makes_what_the_workspace_lacks(shown: Shown, tmp_path: Path) -> None:
    made = tmp_path / "w" / "models" / "cnn" / "model.toml"
    made.parent.mkdir(parents=True)
    made.touch()
    # A folder is meant from where the script is called.
    w = tmp_path / "w"
    assert shown("prepare.sh", "-w", "w", "mlp", "cnn", cwd=tmp_path) == [
        f"{w}: init",
        f"{w}: download",
        f"{w}: etl",
        f"{w}: new mlp",
        f"{w}: train mlp cnn",
        f"{w}: score mlp cnn",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bestepoch.sh",), "usage: bash bestepoch.sh [--demo] [-w DIR] MODEL"),
        (("train.sh", "--demo"), "usage: bash train.sh [--demo] [-w DIR] MODEL..."),
        (("predict.sh",), "usage: bash predict.sh --demo | [-w DIR] MODEL..."),
        (("bestepoch.sh", "mlp", "-w"), "error: -w needs a folder, such as -w numer"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    done = bash(clone(tmp_path, "#!/bin/sh\n"), *words, cwd=tmp_path)
    assert done.returncode == 2
    assert sentence in done.stderr


@pytest.mark.slow
def test_after_the_demo_the_other_scripts_say_where_it_is(tmp_path: Path) -> None:
    nai = f'#!/bin/sh\nexec "{sys.executable}" -m numerai_pipeline "$@"\n'
    clone(tmp_path, nai)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "numerai.toml").touch()
    done = bash(tmp_path, "bestepoch.sh", "mlp", cwd=tmp_path)
    assert done.returncode == 2
    assert "--workspace DIR (the demo's is demo)" in done.stderr
    done = bash(tmp_path, "bestepoch.sh", "--demo", "mlp", cwd=tmp_path)
    assert done.stderr == (
        "error: there is no model 'mlp' in demo/models. It holds none yet; `nai new` "
        "makes one.\n"
    )
