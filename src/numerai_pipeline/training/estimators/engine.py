"""Fits an estimator, and keeps it as it was at its best evaluation.

At an evaluation the estimator is saved first, then the line in ``history.csv`` makes
the step count, then a copy becomes ``best.zip`` if it is the best. A resumed training
repairs what a kill between any two of them left.
"""

import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import SupportsFloat, cast

import numpy as np

from numerai_pipeline.core import (
    Advance,
    ConfigError,
    atomic_path,
    read_json,
    retrain,
    stopwatch,
)
from numerai_pipeline.models import (
    CheckedEstimator,
    EstimatorFamily,
    TrainingTable,
    end_if_forked,
)
from numerai_pipeline.training.estimators.parts import TaskRows
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.task import Task

PACKAGES = ("scikit-learn",)

# The estimator's own checkpoints, in the folder of the run's.
_OWN = "own"
_FINISHED = "finished"
_STEPS = "step-*.zip"

# A batch of features at full width takes 45 MB.
_PREDICTED_ROWS = 4_096


def device(_training: TrainingTable) -> str:
    """Name what estimators are fitted on: they choose it themselves."""
    return "chosen by the estimator"


def fit(task: Task) -> None:
    """Fit an estimator, and keep the best one.

    Raises:
        ConfigError: if the estimator fails, or returns what it must not.
        DataError: if it predicts NaN or infinity, or a saved one is broken.
    """
    finished = task.checkpoints / _FINISHED
    if not finished.is_file():
        task.check_width(_width(task))
        rows = FittedRows(task)
        with task.progress.task(task.title, rows.n_steps, "steps") as advance:
            rows.fit(advance)
        with atomic_path(finished) as partial:
            partial.touch()
    shutil.rmtree(task.checkpoints / _OWN, ignore_errors=True)
    for path in task.checkpoints.glob(_STEPS):
        path.unlink()


def _width(task: Task) -> object:
    untrained = read_json(task.untrained, remedy=retrain(task.folder))
    return untrained["origin"]["n_features"]


class FittedRows(TaskRows):
    """The rows to learn from; see ``TrainingRows``."""

    def __init__(self, task: Task) -> None:
        part = task.model.fold.part("train")
        labels = Labels.read(task.plan.reader, part, task.model.targets[0])
        super().__init__(task, part, "training", labels, [])
        self._recorder = task.recorder
        self._process = os.getpid()
        self._started = stopwatch()
        self._advance: Advance = lambda _steps: None
        self.checkpoints = task.checkpoints / _OWN
        self.checkpoints.mkdir(exist_ok=True)
        self._estimator = self._resumed()
        self.done = self._last_step

    def fit(self, advance: Advance) -> None:
        """Let the estimator learn, and evaluate it if it has not done so itself.

        Args:
            advance: called with the steps that are done.
        """
        self._advance = advance
        advance(self.done)
        if self.done and self._is_over:
            return
        self._estimator.fit(self, self._errors)
        if not self._recorder.rows:
            self.evaluate(self.n_steps or 1)

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        return self._seed

    @property
    def n_steps(self) -> int | None:
        """How many steps to train in a refit; None: as many as the recipe says."""
        return self._task.stop_at

    @cached_property
    def validation(self) -> TaskRows | None:
        """The rows to evaluate on; None in a refit, which has none."""
        if not self._task.has_validation:
            return None
        part, labels = self._task.model.fold.part("validation"), self._task.validation
        return TaskRows(self._task, part, "validation", labels, self._errors)

    def evaluate(self, step: int, *, loss: float = float("nan")) -> bool:
        """Predict the validation rows and record a line; see ``TrainingRows``."""
        end_if_forked(self._process, f"'{self._task.plan.job.name}': fit")
        try:
            if self._is_over:
                return False
            self._record(step, loss)
        except BaseException as error:
            self._errors.append(error)
            raise
        return not self._is_over

    def _record(self, step: int, loss: float) -> None:
        if not isinstance(step, int | np.integer) or step <= self._last_step:
            raise ConfigError(
                f"'{self._task.plan.job.name}': evaluate({step!r}) after step "
                f"{self._last_step}. Number the steps 1, 2, 3 and so on."
            )
        if not isinstance(loss, SupportsFloat) or np.size(loss) != 1:
            raise ConfigError(
                f"'{self._task.plan.job.name}': evaluate({step}, loss={loss!r}). Give "
                "one number, or leave the loss out."
            )
        measured = {"loss": float(loss), **self._measured()}
        checked, step = self._task.plan.checked, int(step)
        family = cast(EstimatorFamily, checked.family)
        family.save(self._estimator, self._path_of(step), checked.parameters, self.seed)
        seconds = stopwatch() - self._started
        n_new = step - self._last_step
        self._recorder.record(step, **measured, seconds=seconds)
        self._keep_best()
        self._started = stopwatch()
        self._advance(n_new)

    def _measured(self) -> dict[str, float]:
        """Return the scores of the validation rows, by column of the history."""
        if self.validation is None:
            return {}
        batches = self.validation.batches(_PREDICTED_ROWS)
        predictions = np.concatenate([self._estimator.predict(b.x) for b in batches])
        labels = self._task.validation
        errors = predictions.astype(np.float64) - labels.values
        return {
            "val_loss": float(np.mean(errors**2)),
            "val_corr": labels.corr(predictions),
        }

    def _resumed(self) -> CheckedEstimator:
        """Return the estimator to fit: a new one, or the last one that was recorded.

        Where it cannot go on from the last step, the history begins again.
        """
        checked = self._task.plan.checked
        family = cast(EstimatorFamily, checked.family)
        who = f"'{self._task.plan.job.name}'"
        made = family.made(checked.parameters, self.seed, who)
        last = self._path_of(self._last_step)
        if not last.is_file():
            self._begin_again()
        elif getattr(made.estimator, "resumes", False):
            made = family.load_one(last, who)
        elif not any(self.checkpoints.iterdir()) and not self._is_over:
            self._begin_again()
        self._keep_best()
        return made

    def _begin_again(self) -> None:
        self._recorder.begin_again()
        self._keep_only(None)
        self._task.best_path.unlink(missing_ok=True)
        shutil.rmtree(self.checkpoints)
        self.checkpoints.mkdir()

    def _keep_best(self) -> None:
        """Make the last step's estimator the best if it is; drop the others."""
        best, last = self._recorder.best, self._path_of(self._last_step)
        if best is not None and best.epoch == self._last_step and last.is_file():
            with atomic_path(self._task.best_path) as partial:
                shutil.copyfile(last, partial)
        self._keep_only(last)

    def _keep_only(self, last: Path | None) -> None:
        for path in self._task.checkpoints.glob(_STEPS):
            if path != last:
                path.unlink()

    def _path_of(self, step: int) -> Path:
        return self._task.checkpoints / f"step-{step:06d}.zip"

    @property
    def _last_step(self) -> int:
        rows = self._recorder.rows
        return rows[-1].epoch if rows else 0

    @property
    def _is_over(self) -> bool:
        is_last = self.n_steps is not None and self._last_step >= self.n_steps
        return is_last or self._recorder.is_patience_over
