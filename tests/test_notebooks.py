"""The notebooks run from top to bottom, in a folder of their own."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from numerai_simulator import preset, running_simulator

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client"),
]


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel choose how to draw, as in Jupyter."""
    monkeypatch.delenv("MPLBACKEND")


def executed(name: str, folder: Path) -> list[Any]:
    """Run a notebook on a tiny market and return its cells of code."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace('size="small"', 'size="tiny"')
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cell: Any) -> str:
    """Return what a cell shows as text."""
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


def pictures(cells: list[Any]) -> int:
    return sum(
        "image/png" in output.get("data", {})
        for cell in cells
        for output in cell.outputs
    )


def test_numerais_own_tools_work_against_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_simulator(tmp_path / "simulator", preset("small")) as simulator:
        monkeypatch.setenv("NUMERAI_API_URL", simulator.url)
        cells = executed("numerai_tutorial", tmp_path)
    shown = " ".join(map(texts, cells))
    assert "CORR" in shown
    assert "MMC" in shown
    assert texts(cells[-1]) == "True"


def test_a_first_model(tmp_path: Path) -> None:
    cells = executed("first_model", tmp_path)
    # The live curves, and the scores.
    assert pictures(cells) == 2
    assert "canon_corr" in texts(cells[-2])


def test_compare_and_ensemble(tmp_path: Path) -> None:
    cells = executed("compare_and_ensemble", tmp_path)
    # The curves of four trainings, the scores, the correlations.
    assert pictures(cells) == 6
    assert any("ensemble" in texts(cell) and "sharpe" in texts(cell) for cell in cells)


def test_own_family(tmp_path: Path) -> None:
    cells = executed("own_family", tmp_path)
    assert "pairs is better in" in " ".join(map(texts, cells))
    assert list((tmp_path / "own_family" / "models" / "pairs" / "runs").glob("*/DONE"))


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.name
)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
