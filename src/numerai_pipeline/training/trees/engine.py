"""Grows boosted trees in batches, so that a killed training can be resumed exactly.

After each batch the library writes its checkpoint first, then the line in
``history.csv`` makes the trees count. All randomness of a tree follows from the
recipe's seed and the tree's number, so a resumed training grows the same trees as one
that was never killed.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from numerai_pipeline.core import read_json, retrain, stopwatch
from numerai_pipeline.data import Part
from numerai_pipeline.models import TreesParameters, TreesTraining
from numerai_pipeline.training.job import ModelPlan, Plan
from numerai_pipeline.training.labels import (
    Labels,
    Weights,
    base_weights,
    boosted_weights,
)
from numerai_pipeline.training.resources import allowed_bytes
from numerai_pipeline.training.task import Task
from numerai_pipeline.training.trees.backend import (
    GrowingModel,
    Split,
    TreeBackend,
    TreeJob,
    TreeRows,
)
from numerai_pipeline.training.trees.checksums import CheckpointChecksums
from numerai_pipeline.training.trees.importance import write_importance


@dataclass(frozen=True)
class TreesEngine:
    """The engine of one library; see ``EngineModule``."""

    backend: TreeBackend

    @property
    def PACKAGES(self) -> tuple[str, ...]:
        """Packages whose versions a run records."""
        return self.backend.packages

    def device(self, training: Any) -> str:
        """Return the device that trees are grown on."""
        return self.backend.device(cast(TreesTraining, training).device)

    def fit(self, task: Task) -> None:
        """Grow the remaining trees and save the model up to its best number of trees.

        Raises:
            ConfigError: if the device is missing or the memory is too small.
            DataError: if the untrained model or a checkpoint does not fit the data.
        """
        untrained = read_json(task.untrained, remedy=retrain(task.folder))
        features = task.plan.features
        task.check_width(untrained.get("n_features", len(features)))
        checksums = CheckpointChecksums(task.checkpoints)
        checksums.check()
        self._grow(task, untrained, checksums)
        best = task.recorder.best
        if best is None:
            return
        if not task.best_path.is_file():  # else a kill came after it
            self.backend.save(task.checkpoints, best.epoch, task.best_path)
        for path in task.checkpoints.iterdir():
            if path.is_file() and path != task.best_path:
                path.unlink()
        if task.model is _described(task.plan):
            write_importance(
                task.folder,
                self.backend.importance(task.best_path, len(features)),
                task.plan,
            )

    def _grow(
        self,
        task: Task,
        untrained: dict[str, Any],
        checksums: CheckpointChecksums,
    ) -> None:
        training = cast(TreesTraining, task.training)
        recorder = task.recorder
        n_trees = task.stop_at or int(untrained["n_estimators"])
        done = recorder.rows[-1].epoch if recorder.rows else 0
        if done >= n_trees or recorder.is_patience_over:
            return
        job = _job(task, untrained, self.device(training), done)
        model = self.backend.open(job)
        base = base_weights(job.train.labels, training)
        with task.progress.task(task.title, n_trees, "trees") as advance:
            advance(done)
            while done < n_trees and not recorder.is_patience_over:
                started = stopwatch()
                weights = _weights(base, job, training, model if done else None)
                wanted = min(training.evaluate_every, n_trees - done)
                added = model.grow(wanted, weights, advance)
                if added:
                    done += added
                    model.checkpoint(done)
                    checksums.write()
                    _evaluate(job, model, task, done, stopwatch() - started)
                if added < wanted:
                    task.progress.note("stopping: no split improves the loss")
                    break


def _described(plan: Plan) -> ModelPlan:
    """Return the model whose importance is plotted.

    It is the last window's of the first target and the first seed.
    """
    first = (plan.checked.targets[0], 1)
    models = [one for one in plan.models if (one.targets[0], one.seed_number) == first]
    return models[-1]


def _weights(
    base: Weights | None,
    job: TreeJob,
    training: TreesTraining,
    model: GrowingModel | None,
) -> Weights | None:
    if model is None or training.era_boost_share == 1.0:
        return base
    return boosted_weights(
        base,
        job.train.labels,
        model.predictions("train"),
        training.era_boost_share,
    )


def _evaluate(
    job: TreeJob, model: GrowingModel, task: Task, done: int, seconds: float
) -> None:
    measured = {"loss": model.loss("train"), "seconds": seconds}
    if task.has_validation:
        with np.errstate(over="ignore"):  # the recorder refuses infinite ones
            predictions = model.predictions("validation").astype(np.float32)
        measured["val_loss"] = model.loss("validation")
        measured["val_corr"] = job.validation.labels.corr(predictions)
    task.recorder.record(done, **measured)


def _job(task: Task, untrained: dict[str, Any], device: str, done: int) -> TreeJob:
    plan, fold = task.plan, task.model.fold
    reader, (target,) = plan.reader, task.model.targets
    parameters = cast(TreesParameters, plan.checked.parameters)

    def rows(split: Split, part: Part, labels: Labels) -> TreeRows:
        missing = plan.checked.recipe.missing
        return TreeRows(reader, split, part, plan.features, target, missing, labels)

    part = fold.part("train")
    train = Labels.read(reader, part, target)
    if task.has_validation:
        validation = rows("validation", fold.part("validation"), task.validation)
    else:
        # The libraries need rows to evaluate on; the result is not recorded.
        last = Part((int(train.eras[-1]),), part.split)
        validation = rows("validation", last, Labels.read(reader, last, target))
    return TreeJob(
        train=rows("train", part, train),
        validation=validation,
        booster=untrained["booster"],
        is_classification=parameters.objective == "classification",
        device=device,
        cache=reader.folder.with_name(f"{reader.folder.name}.bins"),
        shared_eras=plan.job.shared_eras,
        checkpoints=task.checkpoints,
        n_done=done,
        max_ram_bytes=allowed_bytes(plan.job.max_ram_bytes),
        progress=task.progress,
    )
