"""One network from its first epoch, or from where it was killed, to its last.

All that an epoch depends on is the checkpoint of the one before (weights and the
optimizer's state) and seeds made from the recipe's seed and the epoch's number: the
order of the rows, dropout, noise.

At the end of an epoch the checkpoint is written first, then the line in
``history.csv``, which makes the epoch count, then ``best.keras`` if it is the best.
A resumed training repairs what a kill between any two of them left.
"""

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, DataError, stopwatch
from numerai_pipeline.data import PackedRows
from numerai_pipeline.models import (
    CLASS_VALUES,
    KerasFamily,
    KerasTraining,
    TrainingTable,
    UnpackFeatures,
    load_keras,
    load_network,
    save_network,
)
from numerai_pipeline.training.labels import balancing_weights
from numerai_pipeline.training.networks.losses import TargetLoss
from numerai_pipeline.training.networks.steps import (
    Devices,
    Steps,
    make_optimizer,
    make_steps,
    raw_head,
    set_clipping,
)
from numerai_pipeline.training.networks.validation import ValidationRows
from numerai_pipeline.training.task import Task

# Reading a loss waits for the device, which then idles until the next batch comes.
_STEPS_UNREAD = 32

# Share of an epoch's progress: an epoch is over when its line is in the history.
_EVALUATION = 0.01

# Eras that an error names; a batch of rows from anywhere holds hundreds.
_NAMED_ERAS = 5


PACKAGES = ("keras", "tensorflow")


def device(_training: TrainingTable) -> str:
    """Name what networks are trained on, such as ``cpu`` or ``gpu x 2``."""
    return str(Devices.found())


def fit(task: Task, *, packed: bool | None = None) -> None:
    """Train one network up to its last epoch, and keep the best epoch's model.

    Args:
        task: what to train.
        packed: hand packed bytes to the devices; None: where they are GPUs.

    Raises:
        ConfigError: if XLA is to compile for several devices, or a step does not fit
            into memory.
        DataError: if a checkpoint is broken, the network does not fit the data, or
            its loss becomes NaN or infinite.
    """
    load_keras()
    import tensorflow as tf

    fitting = _Fitting(task, Devices.found(), packed=packed)
    training = fitting.training
    if fitting.is_over:
        return
    if training.deterministic:
        # It holds for the rest of the process; TensorFlow has no way back.
        tf.config.experimental.enable_op_determinism()
    recorder, seed = task.recorder, task.seed
    try:
        with fitting.devices.strategy.scope():
            model = fitting.load()
        predicting = fitting.family.predicting(model, task.plan.checked.parameters)
        fitting.keep(predicting, len(recorder.rows))
        steps = fitting.compile(model, predicting)
        with task.progress.task(task.title, fitting.n_epochs, "epochs") as advance:
            advance(len(recorder.rows))
            for epoch in range(len(recorder.rows) + 1, fitting.n_epochs + 1):
                if recorder.is_patience_over:
                    break
                started = stopwatch()
                _reseed(model, seed, epoch)
                measured = fitting.learn(steps, epoch, advance)
                measured |= fitting.evaluate(steps)
                save_network(model, _last_path(task.checkpoints, epoch))
                recorder.watch(model)
                recorder.record(epoch, **measured, seconds=stopwatch() - started)
                advance(_EVALUATION)
                fitting.keep(predicting, epoch)
    except tf.errors.ResourceExhaustedError as error:
        raise ConfigError(
            f"a step of '{task.plan.job.name}' does not fit into memory. Lower "
            f"batch_rows ({training.batch_rows}), or make the network smaller, then "
            "train again."
        ) from error
    for path in task.checkpoints.glob("last-*"):
        path.unlink()


class _Fitting:
    """A network that is being trained: its rows, its devices and its checkpoints."""

    def __init__(self, task: Task, devices: Devices, *, packed: bool | None) -> None:
        self._task = task
        self.devices = devices
        self._is_packed = devices.are_gpus if packed is None else packed
        self._checked = task.plan.checked
        self.training = cast(KerasTraining, task.training)
        self.family = cast(KerasFamily, self._checked.family)
        self._loss = TargetLoss(self.training.loss, self.family.learns)

    @property
    def n_epochs(self) -> int:
        """How many epochs to train at most."""
        return self._task.stop_at or self.training.epochs

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, not even to clean up."""
        recorder, checkpoints = self._task.recorder, self._task.checkpoints
        done = len(recorder.rows)
        return (
            (done >= self.n_epochs or recorder.is_patience_over)
            and not _last_path(checkpoints, done).exists()
            and (recorder.best is None or self._task.best_path.exists())
        )

    def compile(self, model: Any, predicting: Any) -> Steps:
        """Return what the network does with a batch."""
        return make_steps(
            model,
            predicting,
            self._loss,
            self.devices,
            self.training,
            (self._dataset(self._rows, 1), self._to_evaluate),
            self._unpack,
        )

    def evaluate(self, steps: Steps) -> dict[str, float]:
        """Measure the network on the validation eras, where there are any.

        Returns:
            What was measured, by column of the history.
        """
        if not self._task.has_validation:
            return {}
        return self._validation.evaluate(
            steps, self.devices, self._loss, self._to_evaluate
        )

    @cached_property
    def _rows(self) -> PackedRows:
        plan, part = self._task.plan, self._task.model.fold.part("train")
        return plan.reader.load(
            part.split,
            features=plan.features,
            target=self._task.model.targets,
            eras=part.eras,
        )

    @cached_property
    def _validation(self) -> ValidationRows:
        plan = self._task.plan
        return ValidationRows.read(
            plan.reader,
            self._task.model.fold.part("validation"),
            features=plan.features,
            targets=self._task.model.targets,
            labels=self._task.validation,
        )

    @cached_property
    def _to_evaluate(self) -> Any:
        has_validation = self._task.has_validation
        rows = self._validation.rows if has_validation else self._rows
        return self._dataset(rows, None)

    @cached_property
    def _weights(self) -> npt.NDArray[np.float32]:
        training = self.training
        # In batches of eras all eras weigh the same already.
        if training.era_weights == "eras" and training.batches == "rows":
            return balancing_weights(self._rows.eras)
        return np.ones(len(self._rows), np.float32)

    @property
    def _unpack(self) -> UnpackFeatures | None:
        if not self._is_packed:
            return None
        n_features = len(self._task.plan.features)
        return UnpackFeatures(n_features, self._checked.recipe.missing)

    def load(self) -> Any:
        """Load the network as it was after the last epoch in the history."""
        done = len(self._task.recorder.rows)
        if done:
            path = _last_path(self._task.checkpoints, done)
            model = load_network(path, compiled=True)
        else:
            model = load_network(self._task.untrained)
            self._task.check_width(model.input_shape[-1])
            self._check_head(model)
            model.compile(
                optimizer=make_optimizer(self.training, len(self._cuts(1)), model),
                loss=self._loss,
                # The training loop compiles its own step.
                jit_compile=False,
            )
            # Not within a compiled step, which several devices would begin at once.
            model.optimizer.build(model.trainable_variables)
        set_clipping(model.optimizer, self.training.clip_norm, len(self.devices))
        return model

    def _check_head(self, model: Any) -> None:
        """Check that the network's head has the shape of what it learns."""
        n_targets = len(self._task.model.targets)
        wanted = {
            "values": (n_targets,),
            "classes": (n_targets, len(CLASS_VALUES)),
            "members": (n_targets, raw_head(model).shape[-1]),
        }[self.family.learns]
        for found in (raw_head(model).shape[1:], model.output_shape[1:]):
            if tuple(found) != wanted:
                raise DataError(
                    f"{self._task.untrained.name} of "
                    f"'{self._task.plan.job.name}' gives {_shape(found)} per row, "
                    f"but '{self.family.name}' learns {_shape(wanted)} for "
                    f"{n_targets} target{'s' * (n_targets > 1)}. Rebuild it with "
                    "`nai new --force`."
                )

    def _cuts(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        return self._rows.cuts(
            batch_rows=self.training.batch_rows,
            shuffle_seed=self._task.seed,
            epoch=epoch,
            by_era=self.training.batches == "eras",
        )

    def _dataset(self, rows: PackedRows, epoch: int | None) -> Any:
        """Return an epoch of learning, or None: all rows, as they are stored."""
        is_learned = epoch is not None
        dataset = rows.dataset(
            batch_rows=self.training.batch_rows,
            missing=self._checked.recipe.missing,
            shuffle_seed=self._task.seed if is_learned else None,
            epoch=epoch or 0,
            by_era=is_learned and self.training.batches == "eras",
            packed=self._is_packed,
            weights=self._weights if is_learned else np.ones(len(rows), np.float32),
            n_devices=len(self.devices),
        )
        return self.devices.share_out(dataset)

    def learn(
        self, steps: Steps, epoch: int, advance: Callable[[float], None]
    ) -> dict[str, float]:
        """Train on every row once.

        Returns:
            What was measured, by column of the history.
        """
        sizes = [len(rows) for rows in self._cuts(epoch)]
        total, waited, started = 0.0, 0.0, stopwatch()
        batches = iter(self._dataset(self._rows, epoch))
        unread: list[tuple[Any, Any]] = []
        for number in range(1, len(sizes) + 1):
            waited_since = stopwatch()
            batch = next(batches)
            waited += stopwatch() - waited_since
            unread.append(steps.train(*batch))
            advance((1 - _EVALUATION) / len(sizes))
            if len(unread) == _STEPS_UNREAD or number == len(sizes):
                first = number - len(unread) + 1
                for at, (found, is_broken) in enumerate(unread, start=first):
                    loss = float(found)
                    if not math.isfinite(loss):
                        raise self._not_finite(
                            loss, epoch, at, self.devices.parts(is_broken)
                        )
                    total += loss * sizes[at - 1]
                unread.clear()
        seconds = stopwatch() - started
        return {
            "loss": total / sum(sizes),
            "rows_per_second": sum(sizes) / seconds,
            "waiting": waited / seconds,
        }

    def _not_finite(
        self, loss: float, epoch: int, number: int, is_broken: list[npt.NDArray[Any]]
    ) -> DataError:
        rows = self._cuts(epoch)[number - 1]
        # Each device's part may end with a padding row.
        parts = np.array_split(rows, len(self.devices))
        broken = np.concatenate(
            [
                part[flags[: len(part)]]
                for part, flags in zip(parts, is_broken, strict=True)
            ]
        )
        eras = np.unique(self._rows.eras[broken if len(broken) else rows])
        named = ", ".join(f"{era:04d}" for era in eras[:_NAMED_ERAS])
        more = f" and {len(eras) - _NAMED_ERAS} more" if len(eras) > _NAMED_ERAS else ""
        of_eras = f"rows of era{'s' * (len(eras) > 1)} {named}{more}"
        return DataError(
            f"the loss is {loss} at epoch {epoch}, batch {number}: {of_eras}. Lower "
            f"learning_rate ({self.training.learning_rate}) or clip_norm "
            f"({self.training.clip_norm}) in model.toml, then train again."
        )

    def keep(self, predicting: Any, epoch: int) -> None:
        """Save the network if its epoch is the best, and drop older checkpoints.

        What is saved is the part that predicts, without the optimizer's state.
        """
        best = self._task.recorder.best
        if best is not None and best.epoch == epoch:
            save_network(predicting, self._task.best_path)
        newest = _last_path(self._task.checkpoints, epoch)
        for path in self._task.checkpoints.glob("last-*"):
            if path != newest:
                path.unlink()


def _reseed(model: Any, seed: int, epoch: int) -> None:
    """Seed all randomness as this epoch has it in every run of this recipe.

    Keras does not save the states of dropout and noise, so they cannot just go on.
    """
    source = np.random.SeedSequence((seed, epoch))
    load_keras().utils.set_random_seed(int(source.generate_state(1)[0]))
    states = [v for v in model.variables if v.path.endswith("seed_generator_state")]
    for state, child in zip(states, source.spawn(len(states)), strict=True):
        state.assign([int(child.generate_state(1)[0]), 0])


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _last_path(checkpoints: Path, epoch: int) -> Path:
    return checkpoints / f"last-{epoch:04d}.keras"
