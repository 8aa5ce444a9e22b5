"""The notebooks run from top to bottom, in a folder of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from numerai_pipeline.simulator import preset, running_simulator

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
def test_numerais_own_tools_work_against_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_simulator(tmp_path / "simulator", preset("small")) as simulator:
        monkeypatch.setenv("NUMERAI_API_URL", simulator.url)
        notebook = nbformat.read(NOTEBOOKS / "numerai_tutorial.ipynb", as_version=4)
        client = NotebookClient(
            notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute()
    outputs = {
        cell["id"]: "".join(
            output.get("text", "") or output.get("data", {}).get("text/plain", "")
            for output in cell.get("outputs", [])
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    shown = " ".join(outputs.values())
    assert "CORR" in shown
    assert "MMC" in shown
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    assert last.outputs[0]["data"]["text/plain"] == "True"
