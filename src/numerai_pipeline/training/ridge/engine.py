"""Trains a ridge regression: one pass over the rows, then every penalty.

The products of the rows are summed block by block, with a checkpoint now and then. All
penalties follow from one decomposition and predict the validation rows at once; the
history has a line for each of them.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    Advance,
    ConfigError,
    read_json,
    retrain,
    show_bytes,
    stopwatch,
)
from numerai_pipeline.models import RidgeModel, TrainingTable
from numerai_pipeline.scoring import Scores
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.resources import allowed_bytes
from numerai_pipeline.training.ridge.products import Products
from numerai_pipeline.training.ridge.rows import RidgeRows, TargetGroup, target_groups
from numerai_pipeline.training.ridge.solving import Solutions, solve
from numerai_pipeline.training.task import Task

PACKAGES = ("scipy",)

Doubles = npt.NDArray[np.float64]

# Half a minute at full width on two cores; a checkpoint takes 60 MB.
_CHECKPOINT_ROWS = 1_000_000

# For each product of two features: float32 and float64 sums, and three matrices of the
# decomposition.
_BYTES_PER_PRODUCT = 44
_BYTES_OF_PROCESS = 300 << 20


def device(_training: TrainingTable) -> str:
    """Name what it is trained on."""
    return "cpu"


def fit(task: Task, *, checkpoint_rows: int = _CHECKPOINT_ROWS) -> None:
    """Solve for every penalty, record each, and keep the model with the best one.

    Args:
        task: what to train.
        checkpoint_rows: rows that a kill may lose.

    Raises:
        ConfigError: if the memory is too small.
        DataError: if the untrained model or a checkpoint does not fit the data.
    """
    untrained = read_json(task.untrained, remedy=retrain(task.folder))
    task.check_width(untrained.get("n_features"))
    penalties = list(map(float, untrained["penalties"]))
    # A fixed number beyond the last penalty is the last one.
    stop_at = min(task.stop_at or 0, len(penalties))
    numbers = [stop_at] if stop_at else list(range(1, len(penalties) + 1))
    if len(task.recorder.rows) == len(numbers) and task.best_path.is_file():
        return
    _check_memory(task)
    started = stopwatch()
    chosen = [penalties[number - 1] for number in numbers]
    solutions, measured = _solve(task, chosen, checkpoint_rows)
    measured["penalty"] = np.array(chosen)
    measured["seconds"] = np.full(len(numbers), (stopwatch() - started) / len(numbers))
    for at in range(len(task.recorder.rows), len(numbers)):
        line = {name: float(values[at]) for name, values in measured.items()}
        task.recorder.record(numbers[at], **line)
    best = task.recorder.best
    if best is not None:
        _keep(task, solutions, numbers.index(best.epoch), chosen)
    for path in task.checkpoints.glob("products-*"):
        path.unlink()


def _check_memory(task: Task) -> None:
    needed = _BYTES_OF_PROCESS + _BYTES_PER_PRODUCT * len(task.plan.features) ** 2
    allowed = allowed_bytes(task.plan.job.max_ram_bytes)
    if needed > allowed:
        raise ConfigError(
            f"'{task.plan.job.name}' needs {show_bytes(needed)} of memory for the "
            f"products of its {len(task.plan.features):,} features, but "
            f"{show_bytes(allowed)} are allowed. Raise --max-ram, or choose a smaller "
            "feature_set in model.toml."
        )


def _solve(
    task: Task, penalties: Sequence[float], checkpoint_rows: int
) -> tuple[Solutions, dict[str, Doubles]]:
    """Return the regressions and what was measured of them, ``(K,)`` by column."""
    groups = target_groups(task)
    fold = task.model.fold
    n_rows = len(groups) * RidgeRows.of(task, fold.part("train"), ()).n_read
    if task.has_validation:
        n_rows += RidgeRows.of(task, fold.part("validation"), ()).n_read
    n_targets = len(task.model.targets)
    whole = Solutions.empty(len(task.plan.features), len(penalties), n_targets)
    with task.progress.task(task.title, n_rows, "rows") as advance:
        for group in groups:
            products = _sum_up(task, group, checkpoint_rows, advance)
            whole.put(group.places, solve(products, penalties))
        measured = {"loss": whole.losses.mean(axis=1)}
        if task.has_validation:
            measured |= _evaluate(task, whole, advance)
    return whole, measured


def _sum_up(
    task: Task, group: TargetGroup, checkpoint_rows: int, advance: Advance
) -> Products:
    """Return the products of the training rows that have some targets."""
    rows = RidgeRows.of(task, task.model.fold.part("train"), group.targets)
    products = Products(
        len(rows.features), len(rows.targets), missing=float(rows.missing)
    )
    path = task.checkpoints / f"products-{group.places[0]}.npz"
    n_blocks, n_rows = products.restore(path)
    advance(n_rows)
    kept = n_rows
    for block in rows.blocks(n_blocks):
        if len(block.y):
            products.add(block.x, block.y, group.weights[block.era])
        n_blocks, n_rows = n_blocks + 1, n_rows + block.n_read
        advance(block.n_read)
        if n_rows - kept >= checkpoint_rows:
            products.save(path, n_blocks=n_blocks, n_rows=n_rows)
            kept = n_rows
    products.settle()
    return products


def _evaluate(task: Task, solutions: Solutions, advance: Advance) -> dict[str, Doubles]:
    """Predict the validation rows, one era at a time in memory.

    Returns:
        ``val_loss``, the mean squared error of the targets over the rows that have
        them, and ``val_corr``, ``(K,)`` each.
    """
    part = task.model.fold.part("validation")
    eras = np.unique(task.validation.eras)
    n_penalties, n_targets = solutions.intercepts.shape
    corr = np.full((len(eras), n_penalties), np.nan)
    errors, counts = np.zeros((n_penalties, n_targets)), np.zeros(n_targets)
    blocks = RidgeRows.of(task, part, task.model.targets).blocks()
    for era, of_era in groupby(blocks, key=attrgetter("era")):
        pieces = []
        for block in of_era:
            pieces.append((block.y, solutions.predict(block.x)))
            advance(block.n_read)
        y, predictions = map(np.concatenate, zip(*pieces, strict=True))
        counts += np.count_nonzero(~np.isnan(y), axis=0)
        errors += np.nansum((predictions - y[:, None, :]) ** 2, axis=0)
        labels = Labels(y[:, 0], np.full(len(y), era, np.int16))
        for at in range(n_penalties if len(y) else 0):
            corr[eras == era, at] = labels.corr(predictions[:, at])
    is_there = counts > 0
    return {
        "val_loss": (errors / np.maximum(counts, 1))[:, is_there].mean(axis=1),
        "val_corr": np.array([Scores(eras, one).summary().mean for one in corr.T]),
    }


def _keep(
    task: Task, solutions: Solutions, place: int, penalties: Sequence[float]
) -> None:
    """Write the best model and report its penalty."""
    best = penalties[place]
    RidgeModel(
        penalty=best,
        targets=task.model.targets,
        features=task.plan.features,
        coefficients=solutions.coefficients[:, place],
        intercepts=solutions.intercepts[place],
    ).save(task.best_path)
    if len(penalties) == 1:
        return
    task.progress.note(f"the best penalty is {best:g}, of {len(penalties)}")
    if place in (0, len(penalties) - 1):
        task.progress.note(
            f"no {'larger' if place else 'smaller'} penalty was tried: add some to "
            "'penalties' in model.toml"
        )
