"""TensorBoard over the workspace's runs, those trained without it too."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.results import Result
from numerai_pipeline.core import ConfigError, DataError, sha256_of, write_text

_READY = "at http"
_MADE_FROM = "made_from.txt"

# TensorBoard reads the files by itself where this module is there, and otherwise
# imports TensorFlow, for which one waits 5 s and 600 MB.
_SERVE = """
import sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
from tensorboard.main import run_main
run_main()
"""


@dataclass(frozen=True, repr=False)
class TensorBoardServer(Result):
    """A running TensorBoard.

    Attributes:
        url: where it answers.
        process: its process.
    """

    url: str
    process: "subprocess.Popen[str]"

    def to_dict(self) -> dict[str, str]:
        """Return the URL."""
        return {"url": self.url}

    def wait(self) -> None:
        """Wait until it ends."""
        self.process.wait()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


def start_tensorboard(folder: Path, *, host: str, port: int) -> TensorBoardServer:
    """Start TensorBoard in a process of its own.

    Args:
        folder: what ``gather_curves`` returned.
        host: a name or address of this machine.
        port: 0 takes a free one.

    Raises:
        ConfigError: if the port is taken.
    """
    command = [
        *(sys.executable, "-c", _SERVE),
        *("--logdir", str(folder), "--host", host, "--port", str(port)),
    ]
    process = subprocess.Popen(  # noqa: S603 - no shell, and fixed arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    try:
        for line in process.stderr or ():
            lines.append(line)
            if _READY in line:
                url = line[line.index("http") :].split()[0]
                # Its later output is read too, or it would block on a full pipe.
                threading.Thread(target=process.communicate, daemon=True).start()
                return TensorBoardServer(url, process)
    except BaseException:  # such as Ctrl-C: leave no process behind
        process.terminate()
        raise
    process.communicate()
    reason = lines[-1].strip() if lines else f"it ended with {process.returncode}"
    raise ConfigError(
        f"TensorBoard does not start on {host} port {port}: {reason} "
        "Choose another port with --port, or 0 for a free one."
    )


def gather_curves(project: Base, names: Sequence[str] = ()) -> Path:
    """Gather the runs' curves in one folder, ``.tensorboard/`` of the workspace.

    A run that was trained with TensorBoard is linked; for others the lines of the
    history become scalars, once.

    Returns:
        The folder, for ``tensorboard --logdir``.

    Raises:
        ConfigError: if there is no such model.
        DataError: if there is no run, or a history is broken.
    """
    from numerai_pipeline.training import RUN_CONFIG

    for name in names:
        project.require_model(name)
    folder = project.workspace.tensorboard_dir
    wanted: set[Path] = set()
    for name in names or project.model_names:
        for config in sorted(project.workspace.runs_dir(name).glob(f"*/{RUN_CONFIG}")):
            wanted |= _gather(config.parent, folder / name / config.parent.name)
    if not wanted:
        raise DataError(
            f"no run of {', '.join(names) or 'any model'} has an epoch yet in "
            f"{project.workspace.models_dir}, so TensorBoard has nothing to show. "
            "Run `nai train NAME` first; of an ensemble show the members."
        )
    for run in folder.glob("*/*"):
        if run not in wanted:
            _remove(run)
    return folder


def _gather(run: Path, shown: Path) -> set[Path]:
    """Put a run's curves where TensorBoard looks; returns the folders."""
    from numerai_pipeline.training import CURVES_FOLDER, write_curves

    wanted: set[Path] = set()
    for history in sorted(run.glob("history*.csv")):
        # history-window-003.csv gets a folder beside the run's, as a curve of its own.
        into = shown.with_name(shown.name + history.stem.removeprefix("history"))
        own = run / CURVES_FOLDER
        if into == shown and own.is_dir():
            _link(own, into)
        elif not _is_current(history, into):
            _remove(into)
            write_curves(history, into)
            write_text(into / _MADE_FROM, sha256_of(history))
        wanted.add(into)
    return wanted


def _is_current(history: Path, into: Path) -> bool:
    made_from = into / _MADE_FROM
    return (
        not into.is_symlink()
        and made_from.is_file()
        and made_from.read_text(encoding="utf-8") == sha256_of(history)
    )


def _link(own: Path, into: Path) -> None:
    _remove(into)
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        into.symlink_to(own.resolve(), target_is_directory=True)
    except OSError:  # Windows allows few users to make links
        shutil.copytree(own, into)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
