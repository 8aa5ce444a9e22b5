"""The real TensorBoard, asked over HTTP."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from numerai_pipeline.api import TensorBoardServer
from numerai_pipeline.cli.printing import print_result
from numerai_pipeline.core import write_toml

HISTORY = (
    "epoch,loss,val_loss,val_corr,seconds,is_best,"
    "val_accuracy,rows_per_second,waiting\n"
    "1,0.3,0.2,0.01,1.0,1,nan,50000.0,0.1\n"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "numerai.toml").write_text("")
    folder = tmp_path / "models" / "mlp" / "runs" / "run-1"
    folder.mkdir(parents=True)
    recipe = {"family": "mlp", "parameters": {"units": [8]}, "training": {}}
    write_toml(folder / "config.toml", {"run": {"name": "mlp"}, "recipe": recipe})
    (folder / "history.csv").write_text(HISTORY)
    return tmp_path


def tags(url: str) -> dict[str, list[str]]:
    """Wait until the server has read the runs; a tag list a run."""
    for _ in range(600):
        with urllib.request.urlopen(f"{url}data/plugin/scalars/tags") as answer:
            found = json.load(answer)
        if len(found) == 2:  # the run and its best epoch
            return {run: sorted(names) for run, names in found.items()}
        time.sleep(0.2)
    raise AssertionError("the runs were not read")


@pytest.mark.slow
def test_a_run_without_curves_is_shown_until_ctrl_c(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nai = [sys.executable, "-m", "numerai_pipeline", "--workspace", str(workspace)]
    with subprocess.Popen(
        [*nai, "tensorboard", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in range(3))
        url = json.loads(printed)["url"]
        assert json.loads(printed) == {"url": url}
        assert url.startswith("http://localhost:")
        # A second one would take ten seconds to start.
        print_result(TensorBoardServer(url, process))
        assert capsys.readouterr().out == f"TensorBoard at {url}; Ctrl-C ends it\n"
        names = (
            "loss",
            "rows_per_second",
            "seconds",
            "val_corr",
            "val_loss",
            "waiting",
        )
        assert tags(url) == {
            "mlp/run-1": [f"epochs/{name}" for name in names],
            "mlp/run-1/best": ["best/val_corr", "best/val_loss", "best_at/epoch"],
        }
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url)
