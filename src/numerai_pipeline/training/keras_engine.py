"""Trains networks, an epoch at a time, so that a killed training goes on exactly.

All that an epoch depends on is the checkpoint of the one before (weights and the
optimizer's state) and seeds made from the recipe's seed and the epoch's number: the
order of the rows, dropout, noise.

At the end of an epoch the checkpoint is written first, then the line in
``history.csv``, which makes the epoch count, then ``best.keras`` if it is the best.
A kill between any two of them is mended on the way in.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from numerai_pipeline.core import DataError, stopwatch
from numerai_pipeline.models import (
    KerasTraining,
    TrainingTable,
    load_keras,
    load_network,
    save_network,
)
from numerai_pipeline.training.assignment import Assignment

UNIT = "epoch"
PACKAGES = ("keras", "tensorflow")


def device(_training: TrainingTable) -> str:
    """Name what networks are trained on, such as ``cpu`` or ``gpu x 2``."""
    load_keras()
    import tensorflow as tf

    n_gpus = len(tf.config.list_physical_devices("GPU"))
    return f"gpu x {n_gpus}" if n_gpus else "cpu"


def fit(assignment: Assignment) -> None:
    """Train a network up to its last epoch.

    Raises:
        DataError: if a checkpoint is broken or the loss becomes NaN.
    """
    recorder = assignment.recorder
    training = cast(KerasTraining, assignment.plan.checked.training)
    model = _load(assignment, training)
    n_rows = assignment.plan.reader.n_rows("train")
    n_steps = max(1, math.ceil(n_rows / training.batch_rows))
    with assignment.progress.task(
        f"training {assignment.plan.job.name}", training.epochs, "epochs"
    ) as advance:
        advance(len(recorder.rows))
        for epoch in range(len(recorder.rows) + 1, training.epochs + 1):
            if recorder.is_patience_over:
                break
            started = stopwatch()
            _reseed(model, assignment.plan.checked.recipe.seed, epoch)
            watch = _BatchWatch(epoch, training, lambda: advance(1 / n_steps))
            fitted = model.fit(
                _dataset(assignment, training, "train", epoch),
                # The reader has shuffled already.
                shuffle=False,
                verbose=0,
                callbacks=[watch.callback()],
            )
            val_loss, val_corr = _look_at_held_out(model, assignment, training)
            save_network(model, _last_path(assignment.checkpoints, epoch))
            recorder.watch(model)
            recorder.record(
                epoch,
                loss=float(fitted.history["loss"][-1]),
                val_loss=val_loss,
                val_corr=val_corr,
                seconds=stopwatch() - started,
            )
            _keep(assignment, epoch)
            # Rows without a target were counted too.
            advance(1 - watch.n_batches / n_steps)
    for path in assignment.checkpoints.glob("last-*"):
        path.unlink()


def _load(assignment: Assignment, training: KerasTraining) -> Any:
    """Load the network as it was after the last epoch in the history."""
    keras = load_keras()
    done = len(assignment.recorder.rows)
    if done:
        model = load_network(_last_path(assignment.checkpoints, done), compiled=True)
        _keep(assignment, done)
        return model
    model = load_network(assignment.untrained)
    assignment.check_width(model.input_shape[-1])
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate=training.learning_rate,
            weight_decay=training.weight_decay,
            global_clipnorm=training.clip_norm,
        ),
        loss=training.loss,
        # Compiling with XLA takes longer than a whole small training.
        jit_compile=False,
    )
    return model


def _reseed(model: Any, seed: int, epoch: int) -> None:
    """Set all randomness to what this epoch has in every run of this recipe.

    Keras does not save the states of dropout and noise, so they cannot just go on.
    """
    source = np.random.SeedSequence((seed, epoch))
    load_keras().utils.set_random_seed(int(source.generate_state(1)[0]))
    states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    for state, child in zip(states, source.spawn(len(states)), strict=True):
        state.assign([int(child.generate_state(1)[0]), 0])


def _dataset(
    assignment: Assignment, training: KerasTraining, split: str, epoch: int
) -> Any:
    recipe = assignment.plan.checked.recipe
    return assignment.plan.reader.dataset(
        split,
        features=assignment.plan.features,
        target=recipe.target,
        batch_rows=training.batch_rows,
        missing=recipe.missing,
        shuffle_seed=recipe.seed if split == "train" else None,
        epoch=epoch,
    )


class _BatchWatch:
    """Reports batches, and stops where the loss is lost."""

    def __init__(
        self, epoch: int, training: KerasTraining, step_done: Callable[[], None]
    ) -> None:
        self._epoch = epoch
        self._training = training
        self._step_done = step_done
        self.n_batches = 0

    def callback(self) -> Any:
        """Return it as Keras wants it."""
        return load_keras().callbacks.LambdaCallback(on_train_batch_end=self._batch_end)

    def _batch_end(self, _batch: int, logs: dict[str, float]) -> None:
        self.n_batches += 1
        self._step_done()
        if not math.isfinite(logs["loss"]):
            raise DataError(
                f"the loss is {logs['loss']} at epoch {self._epoch}, batch "
                f"{self.n_batches}. Lower learning_rate "
                f"({self._training.learning_rate}) or clip_norm "
                f"({self._training.clip_norm}) in model.toml, then train again."
            )


def _look_at_held_out(
    model: Any, assignment: Assignment, training: KerasTraining
) -> tuple[float, float]:
    """Return loss and mean CORR of the held-out eras."""
    keras = load_keras()
    predictions = model.predict(_dataset(assignment, training, "valid", 0), verbose=0)
    targets = assignment.held_out.values
    losses = keras.losses.get(training.loss)(targets[:, None], predictions)
    val_loss = float(np.mean(losses))
    if not math.isfinite(val_loss):
        return val_loss, math.nan
    return val_loss, assignment.held_out.corr(predictions[:, 0])


def _keep(assignment: Assignment, epoch: int) -> None:
    """Save the network if its epoch is the best, and drop older checkpoints.

    What is saved has no optimizer's state, two thirds of the checkpoint's size.
    """
    newest = _last_path(assignment.checkpoints, epoch)
    best = assignment.recorder.best
    if best is not None and best.epoch == epoch:
        save_network(load_network(newest), assignment.best_path)
    for path in assignment.checkpoints.glob("last-*"):
        if path != newest:
            path.unlink()


def _last_path(checkpoints: Path, epoch: int) -> Path:
    return checkpoints / f"last-{epoch:04d}.keras"
