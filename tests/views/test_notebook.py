"""The view in a real kernel."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

CELL = """
from numerai_pipeline.training import Chart, Epoch
from numerai_pipeline.views import NotebookProgress, detect_progress

progress = detect_progress()
assert isinstance(progress, NotebookProgress)
rows = []
with progress.task("training <mlp>", 4, "epochs") as advance:
    with progress.task("inside", 4, "rows") as advance_inside:
        advance_inside(4)
    for epoch in range(1, 5):
        advance(1)
        rows.append(Epoch(epoch, 0.2, 0.3 / epoch, 0.01, 0.1, is_best=True))
        progress.chart(Chart("mlp", "epoch", tuple(rows), "val_loss"))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
def test_line_and_picture_are_replaced_in_place(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(CELL),
            nbformat.v4.new_code_cell("progress.note('a < b')"),
        ]
    )
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    outputs = [out for out in notebook.cells[0].outputs if out.output_type != "stream"]
    assert [sorted(set(out.data) - {"text/plain"}) for out in outputs] == [
        ["text/html"],
        ["image/png"],
    ]
    assert "training &lt;mlp&gt;: 4 epochs in" in outputs[0].data["text/html"]
    assert "a &lt; b" in notebook.cells[1].outputs[0].data["text/html"]
