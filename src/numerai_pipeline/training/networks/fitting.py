"""One network from its first epoch, or from where it was killed, to its last.

All that an epoch depends on is the checkpoint of the one before (weights and the
optimizer's state) and seeds made from the recipe's seed and the epoch's number: the
order of the rows, dropout, noise.

At the end of an epoch the checkpoint is written first, then the line in
``history.csv``, which makes the epoch count, then ``best.keras`` if it is the best.
A kill between any two of them is mended on the way in.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, stopwatch
from numerai_pipeline.data import PackedRows
from numerai_pipeline.models import (
    CLASS_VALUES,
    KerasFamily,
    KerasTraining,
    UnpackFeatures,
    load_keras,
    load_network,
    save_network,
)
from numerai_pipeline.training.assignment import Assignment
from numerai_pipeline.training.labels import balancing_weights
from numerai_pipeline.training.networks.held_out import HeldOut
from numerai_pipeline.training.networks.losses import TargetLoss
from numerai_pipeline.training.networks.optimizers import make_optimizer, set_clipping
from numerai_pipeline.training.networks.steps import (
    Devices,
    Steps,
    make_steps,
    raw_head,
)

# Eras that an error names; a batch of rows from anywhere holds hundreds.
_NAMED_ERAS = 5


@dataclass(frozen=True)
class Eras:
    """Which eras are learned from, and which are looked at.

    Attributes:
        train: eras of the split ``train``; None: all.
        held_out_split: the split of the eras that are looked at.
        held_out: those eras; None: all.
    """

    train: tuple[int, ...] | None = None
    held_out_split: str = "valid"
    held_out: tuple[int, ...] | None = None


@dataclass(frozen=True)
class _Epoch:
    """What an epoch of learning came to; see ``history.Epoch``."""

    loss: float
    rows_per_second: float
    waiting: float


def fit_network(
    assignment: Assignment, eras: Eras, *, packed: bool | None = None
) -> None:
    """Train one network up to its last epoch.

    Args:
        assignment: what to train.
        eras: on which eras.
        packed: hand packed bytes to the devices; None: where they are GPUs.

    Raises:
        ConfigError: if XLA is to compile for several devices.
        DataError: if a checkpoint is broken, the network does not fit the data, or
            its loss becomes NaN.
    """
    devices = Devices.found()
    is_packed = devices.are_gpus if packed is None else packed
    fitting = _Fitting(assignment, eras, devices, is_packed=is_packed)
    if not fitting.is_over:
        fitting.run()


class _Fitting:
    """A network that is being trained."""

    def __init__(
        self, assignment: Assignment, eras: Eras, devices: Devices, *, is_packed: bool
    ) -> None:
        self._assignment = assignment
        self._eras = eras
        self._devices = devices
        self._is_packed = is_packed
        self._checked = assignment.plan.checked
        self._training = cast(KerasTraining, self._checked.training)
        self._family = cast(KerasFamily, self._checked.family)
        self._loss = TargetLoss(self._training.loss, self._family.learns)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do, not even to tidy up."""
        recorder, checkpoints = self._assignment.recorder, self._assignment.checkpoints
        done = len(recorder.rows)
        return (
            (done >= self._training.epochs or recorder.is_patience_over)
            and not _last_path(checkpoints, done).exists()
            and (recorder.best is None or self._assignment.best_path.exists())
        )

    def run(self) -> None:
        """Train epoch by epoch, and keep the best network."""
        recorder = self._assignment.recorder
        with self._devices.strategy.scope():
            model = self._load()
        predicting = self._family.predicting(model, self._checked.parameters)
        self._keep(predicting, len(recorder.rows))
        to_look_at = self._dataset(self._held_out.rows, None)
        steps = make_steps(
            model,
            predicting,
            self._loss,
            self._devices,
            self._training,
            (self._dataset(self._rows, 1), to_look_at),
            self._unpack,
        )
        name = f"training {self._assignment.plan.job.name} {self._assignment.part}"
        with self._assignment.progress.task(
            name.rstrip(), self._training.epochs, "epochs"
        ) as advance:
            advance(len(recorder.rows))
            for epoch in range(len(recorder.rows) + 1, self._training.epochs + 1):
                if recorder.is_patience_over:
                    break
                started = stopwatch()
                _reseed(model, self._checked.recipe.seed, epoch)
                learned = self._learn(steps, epoch, advance)
                look = self._held_out.look(steps, self._devices, self._loss, to_look_at)
                save_network(model, _last_path(self._assignment.checkpoints, epoch))
                recorder.watch(model)
                recorder.record(
                    epoch,
                    loss=learned.loss,
                    val_loss=look.val_loss,
                    val_corr=look.val_corr,
                    seconds=stopwatch() - started,
                    val_accuracy=look.val_accuracy,
                    rows_per_second=learned.rows_per_second,
                    waiting=learned.waiting,
                )
                self._keep(predicting, epoch)
        for path in self._assignment.checkpoints.glob("last-*"):
            path.unlink()

    @cached_property
    def _rows(self) -> PackedRows:
        plan = self._assignment.plan
        return plan.reader.load(
            "train",
            features=plan.features,
            target=self._checked.targets,
            eras=self._eras.train,
        )

    @cached_property
    def _held_out(self) -> HeldOut:
        plan = self._assignment.plan
        return HeldOut.read(
            plan.reader,
            self._eras.held_out_split,
            self._eras.held_out,
            features=plan.features,
            targets=self._checked.targets,
            labels=self._assignment.held_out,
        )

    @cached_property
    def _weights(self) -> npt.NDArray[np.float32]:
        training = self._training
        # In batches of eras all eras weigh the same already.
        if training.era_weights == "eras" and training.batches == "rows":
            return balancing_weights(self._rows.eras)
        return np.ones(len(self._rows), np.float32)

    @property
    def _unpack(self) -> UnpackFeatures | None:
        if not self._is_packed:
            return None
        n_features = len(self._assignment.plan.features)
        return UnpackFeatures(n_features, self._checked.recipe.missing)

    def _load(self) -> Any:
        """Load the network as it was after the last epoch in the history."""
        done = len(self._assignment.recorder.rows)
        if done:
            path = _last_path(self._assignment.checkpoints, done)
            # Without it nothing can go on: the weights are nowhere else.
            remedy = f"Delete {self._assignment.folder}, then train again."
            model = load_network(path, compiled=True, remedy=remedy)
        else:
            model = load_network(self._assignment.untrained)
            self._assignment.check_width(model.input_shape[-1])
            self._check_head(model)
            model.compile(
                optimizer=make_optimizer(self._training, len(self._cuts(1)), model),
                loss=self._loss,
                # What a batch does is compiled in our own loop.
                jit_compile=False,
            )
            # Not within a compiled step, which several devices would begin at once.
            model.optimizer.build(model.trainable_variables)
        set_clipping(model.optimizer, self._training.clip_norm, len(self._devices))
        return model

    def _check_head(self, model: Any) -> None:
        """Check that the network gives as much as there is to learn."""
        n_targets = len(self._checked.targets)
        wanted = {
            "values": (n_targets,),
            "classes": (n_targets, len(CLASS_VALUES)),
            "members": (n_targets, raw_head(model).shape[-1]),
        }[self._family.learns]
        for found in (raw_head(model).shape[1:], model.output_shape[1:]):
            if tuple(found) != wanted:
                raise DataError(
                    f"{self._assignment.untrained.name} of "
                    f"'{self._assignment.plan.job.name}' gives {_shape(found)} a row, "
                    f"but '{self._family.name}' learns {_shape(wanted)} for "
                    f"{n_targets} target{'s' * (n_targets > 1)}. Make it again."
                )

    def _cuts(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        return self._rows.cuts(
            batch_rows=self._training.batch_rows,
            shuffle_seed=self._checked.recipe.seed,
            epoch=epoch,
            by_era=self._training.batches == "eras",
        )

    def _dataset(self, rows: PackedRows, epoch: int | None) -> Any:
        """Return an epoch of learning, or None: all rows, as they are stored."""
        is_learned = epoch is not None
        dataset = rows.dataset(
            batch_rows=self._training.batch_rows,
            missing=self._checked.recipe.missing,
            shuffle_seed=self._checked.recipe.seed if is_learned else None,
            epoch=epoch or 0,
            by_era=is_learned and self._training.batches == "eras",
            packed=self._is_packed,
            weights=self._weights if is_learned else np.ones(len(rows), np.float32),
            n_devices=len(self._devices),
        )
        return self._devices.share_out(dataset)

    def _learn(
        self, steps: Steps, epoch: int, advance: Callable[[float], None]
    ) -> _Epoch:
        """Learn from every row once, and measure what that takes."""
        sizes = [len(rows) for rows in self._cuts(epoch)]
        total, waited, started = 0.0, 0.0, stopwatch()
        batches = iter(self._dataset(self._rows, epoch))
        for number, size in enumerate(sizes, start=1):
            asked = stopwatch()
            batch = next(batches)
            waited += stopwatch() - asked
            found, is_lost = steps.train(*batch)
            loss = float(found)
            if not math.isfinite(loss):
                raise self._lost(loss, epoch, number, self._devices.parts(is_lost))
            total += loss * size
            advance(1 / len(sizes))
        seconds = stopwatch() - started
        return _Epoch(total / sum(sizes), sum(sizes) / seconds, waited / seconds)

    def _lost(
        self, loss: float, epoch: int, number: int, is_lost: list[npt.NDArray[Any]]
    ) -> DataError:
        rows = self._cuts(epoch)[number - 1]
        # A row that counts nothing may stand at the end of each device's part.
        parts = np.array_split(rows, len(self._devices))
        lost = np.concatenate(
            [
                part[flags[: len(part)]]
                for part, flags in zip(parts, is_lost, strict=True)
            ]
        )
        eras = np.unique(self._rows.eras[lost if len(lost) else rows])
        named = ", ".join(f"{era:04d}" for era in eras[:_NAMED_ERAS])
        more = f" and {len(eras) - _NAMED_ERAS} more" if len(eras) > _NAMED_ERAS else ""
        of_eras = f"rows of era{'s' * (len(eras) > 1)} {named}{more}"
        return DataError(
            f"the loss is {loss} at epoch {epoch}, batch {number}: {of_eras}. Lower "
            f"learning_rate ({self._training.learning_rate}) or clip_norm "
            f"({self._training.clip_norm}) in model.toml, then train again."
        )

    def _keep(self, predicting: Any, epoch: int) -> None:
        """Save the network if its epoch is the best, and drop older checkpoints.

        What is saved is the part that predicts, without the optimizer's state.
        """
        best = self._assignment.recorder.best
        if best is not None and best.epoch == epoch:
            save_network(predicting, self._assignment.best_path)
        newest = _last_path(self._assignment.checkpoints, epoch)
        for path in self._assignment.checkpoints.glob("last-*"):
            if path != newest:
                path.unlink()


def _reseed(model: Any, seed: int, epoch: int) -> None:
    """Set all randomness to what this epoch has in every run of this recipe.

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
