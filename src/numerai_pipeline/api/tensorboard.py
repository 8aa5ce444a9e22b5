"""TensorBoard over the workspace's runs, those trained without it too."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from numerai_pipeline.api.base import Pipeline
from numerai_pipeline.api.models import model_names, require_model
from numerai_pipeline.core import ConfigError, DataError, sha256_of, write_text
from numerai_pipeline.training import CURVES_FOLDER, RUN_CONFIG, write_curves

_READY = "at http"
_MADE_FROM = "made_from.txt"


@dataclass(frozen=True)
class Board:
    """A TensorBoard that answers now."""

    url: str
    process: "subprocess.Popen[str]"

    def wait(self) -> None:
        """Wait until it ends."""
        self.process.wait()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()


@contextmanager
def tensorboard(
    pipeline: Pipeline,
    names: Sequence[str] = (),
    *,
    host: str = "localhost",
    port: int = 6006,
) -> Iterator[Board]:
    """Run TensorBoard while the block lasts.

    Args:
        pipeline: the workspace.
        names: models whose runs it shows; by default all.
        host: a name or address of this machine; others can look at 0.0.0.0.
        port: 0 takes a free one.

    Raises:
        ConfigError: if there is no such model, or the port is taken.
        DataError: if there is no run, or a history is broken.
    """
    board = start_tensorboard(pipeline, names, host=host, port=port)
    try:
        yield board
    finally:
        board.stop()


def start_tensorboard(
    pipeline: Pipeline,
    names: Sequence[str] = (),
    *,
    host: str = "localhost",
    port: int = 6006,
) -> Board:
    """Start TensorBoard in a process of its own; see ``tensorboard``."""
    folder = prepare_tensorboard(pipeline, names)
    command = [
        *(sys.executable, "-m", "tensorboard.main"),
        *("--logdir", str(folder), "--host", host, "--port", str(port)),
    ]
    process = subprocess.Popen(  # noqa: S603 - no shell, and our own arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    for line in process.stderr or ():
        said.append(line)
        if _READY in line:
            url = line[line.index("http") :].split()[0]
            # What it says later is read too, or it would wait for a reader.
            threading.Thread(target=process.communicate, daemon=True).start()
            return Board(url, process)
    process.communicate()
    reason = said[-1].strip() if said else f"it ended with {process.returncode}"
    raise ConfigError(
        f"TensorBoard does not start on {host} port {port}: {reason} "
        "Take another port with --port, or 0 for a free one."
    )


def prepare_tensorboard(pipeline: Pipeline, names: Sequence[str] = ()) -> Path:
    """Gather the runs' curves in one folder, ``.tensorboard/`` of the workspace.

    A run that was trained with TensorBoard is linked to; of another one the lines of
    its history become scalars, once.

    Returns:
        The folder, for ``tensorboard --logdir``.
    """
    for name in names:
        require_model(pipeline, name)
    folder = pipeline.workspace.tensorboard_dir
    wanted: set[Path] = set()
    for name in names or model_names(pipeline):
        for config in sorted(pipeline.workspace.runs_dir(name).glob(f"*/{RUN_CONFIG}")):
            wanted |= _gather(config.parent, folder / name / config.parent.name)
    if not wanted:
        raise DataError(
            f"no run of {', '.join(names) or 'any model'} has an epoch yet in "
            f"{pipeline.workspace.models_dir}, so TensorBoard has nothing to show. "
            "Run `nai train NAME` first."
        )
    for run in folder.glob("*/*"):
        if run not in wanted:
            _remove(run)
    return folder


def _gather(run: Path, shown: Path) -> set[Path]:
    """Put a run's curves where TensorBoard looks; returns the folders."""
    wanted: set[Path] = set()
    for history in sorted(run.glob("history*.csv")):
        # history-window-003.csv stands beside the run, as a curve of its own.
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
    except OSError:  # Windows lets few people make links
        shutil.copytree(own, into)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
