"""Rolling windows: a network each, which predict together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import KerasTraining
from numerai_pipeline.training.assignment import Assignment
from numerai_pipeline.training.history import Epoch
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.networks.fitting import Eras, fit_network
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.run import window_name


@dataclass(frozen=True)
class Window:
    """Consecutive eras to learn from, and later ones that choose the best epoch."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]


def cut_windows(
    eras: Sequence[int], *, width: int, step: int, purge: int
) -> list[Window]:
    """Cut eras into windows.

    Args:
        eras: ascending; none other is ever learned from.
        width: eras to learn from, and as many to look at.
        step: eras from window to window.
        purge: distance in era numbers that the eras to look at keep, as in the ETL:
            where only every fourth era is there, fewer are left out.

    >>> for window in cut_windows(range(1, 11), width=3, step=2, purge=1):
    ...     print(window.train, window.held_out)
    (1, 2, 3) (5, 6, 7)
    (3, 4, 5) (7, 8, 9)
    """
    windows = []
    for start in range(0, len(eras), step):
        train = tuple(eras[start : start + width])
        later = [era for era in eras if era > train[-1] + purge]
        if len(train) == width and len(later) >= width:
            windows.append(Window(train, tuple(later[:width])))
    return windows


def fit_windows(assignment: Assignment, training: KerasTraining) -> None:
    """Train a network a window, each from the untrained one, and keep each one's best.

    A window's line in ``history.csv`` makes it count; its own epochs are in
    ``history-window-001.csv``.

    Raises:
        ConfigError: if not a single window fits into the eras.
        DataError: as for one network.
    """
    plan, windows = assignment.plan, _windows(assignment, training)
    for number, window in enumerate(windows, start=1):
        if number <= len(assignment.recorder.rows):
            continue
        labels = Labels.read(
            plan.reader, "train", plan.checked.recipe.target, window.held_out
        )
        part = assignment.further(window_name(number), held_out=labels, unit="epoch")
        fit_network(part, Eras(window.train, "train", window.held_out))
        _record(assignment.recorder, number, part.recorder)


def _windows(assignment: Assignment, training: KerasTraining) -> list[Window]:
    plan = assignment.plan
    # An era without a single target is in the shards, but not to be learned from.
    labels = Labels.read(plan.reader, "train", plan.checked.recipe.target)
    eras = np.unique(labels.eras).tolist()
    width, purge = training.window_eras, training.window_purge
    windows = cut_windows(
        eras, width=width, step=training.window_step or width, purge=purge
    )
    if not windows:
        raise ConfigError(
            f"window_eras = {width} and window_purge = {purge} need "
            f"{2 * width + purge} eras to train on, but {plan.job.shards} has "
            f"{len(eras)} with '{plan.checked.recipe.target}', {eras[0]:04d} to "
            f"{eras[-1]:04d}. Lower them in model.toml, or pack more eras: `nai etl`."
        )
    return windows


def _record(recorder: Recorder, number: int, of_window: Recorder) -> None:
    rows = of_window.rows
    # Without a best epoch there is no network either, and the last line tells why.
    best = of_window.best or rows[-1]
    recorder.record(
        number,
        loss=best.loss,
        val_loss=best.val_loss,
        val_corr=best.val_corr,
        seconds=math.fsum(row.seconds for row in rows),
        val_accuracy=best.val_accuracy,
        rows_per_second=_mean(rows, "rows_per_second"),
        waiting=_mean(rows, "waiting"),
    )


def _mean(rows: Sequence[Epoch], name: str) -> float:
    return float(np.mean([getattr(row, name) for row in rows]))
