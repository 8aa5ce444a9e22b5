"""Grows boosted trees, some at a time, so that a killed training goes on exactly.

After every look at the held-out eras the library writes its checkpoint first, then the
line in ``history.csv`` makes the trees count. All randomness of a tree depends on the
recipe's seed and the tree's number, so trees grown after a kill are those that would
have been grown without it.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from numerai_pipeline.core import memory_bytes, read_json, stopwatch
from numerai_pipeline.models import TrainingTable, TreesParameters, TreesTraining
from numerai_pipeline.training.assignment import Assignment
from numerai_pipeline.training.labels import (
    Labels,
    Weights,
    base_weights,
    boosted_weights,
)
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.trees.backend import (
    GrowingModel,
    TreeBackend,
    TreeJob,
    TreeRows,
)
from numerai_pipeline.training.trees.checksums import CheckpointChecksums
from numerai_pipeline.training.trees.importance import write_importance

# Of the machine: a training is what it is there for while it lasts.
_RAM_SHARE = 0.75


@dataclass(frozen=True)
class TreesEngine:
    """The engine of one library; see ``EngineModule``."""

    backend: TreeBackend

    def unit(self, _training: TrainingTable) -> str:
        """Tell what its history counts."""
        return "tree"

    @property
    def PACKAGES(self) -> tuple[str, ...]:
        """Packages whose versions a run records."""
        return self.backend.packages

    def device(self, training: Any) -> str:
        """Name what trees are grown on."""
        return self.backend.device(cast(TreesTraining, training).device)

    def fit(self, assignment: Assignment) -> None:
        """Grow what is left and save the model up to its best number of trees.

        Raises:
            ConfigError: if the device is not there or the memory is too little.
            DataError: if the untrained model or a checkpoint does not fit the data.
        """
        untrained = read_json(
            assignment.untrained,
            remedy=f"Delete the run's folder {assignment.folder} and train again.",
        )
        features = assignment.plan.features
        assignment.check_width(untrained.get("n_features", len(features)))
        self._fit_one(assignment, untrained)
        for target in assignment.plan.checked.targets[1:]:
            self._fit_one(_for_target(assignment, target), untrained)
        if assignment.best_path.is_file():
            write_importance(
                assignment.folder,
                self.backend.importance(assignment.best_path, len(features)),
                assignment.plan,
            )

    def _fit_one(self, assignment: Assignment, untrained: dict[str, Any]) -> None:
        recorder, best = assignment.recorder, assignment.best_path
        checksums = CheckpointChecksums(assignment.checkpoints)
        checksums.check()
        self._grow(assignment, untrained, checksums)
        if recorder.best is None:
            return
        if not best.is_file():  # else killed after this, and the rest is gone
            self.backend.save(assignment.checkpoints, recorder.best.epoch, best)
        for path in assignment.checkpoints.iterdir():
            if path.is_file() and path != best:
                path.unlink()

    def _grow(
        self,
        assignment: Assignment,
        untrained: dict[str, Any],
        checksums: CheckpointChecksums,
    ) -> None:
        training = cast(TreesTraining, assignment.plan.checked.training)
        recorder = assignment.recorder
        n_trees = int(untrained["n_estimators"])
        done = recorder.rows[-1].epoch if recorder.rows else 0
        if done >= n_trees or recorder.is_patience_over:
            return
        job = _job(assignment, untrained, self.device(training), done)
        model = self.backend.open(job)
        base = base_weights(job.train.labels, training)
        with assignment.progress.task(
            f"training {assignment.plan.job.name} {assignment.part}".rstrip(),
            n_trees,
            "trees",
        ) as advance:
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
                    _look(job, model, recorder, done, stopwatch() - started)
                if added < wanted:
                    assignment.progress.note("no split gains anything any more")
                    break


def _for_target(assignment: Assignment, target: str) -> Assignment:
    """Return what trains the model of a further target of the run."""
    plan = assignment.plan
    recipe = plan.checked.recipe.model_copy(update={"target": target})
    of_target = replace(plan, checked=replace(plan.checked, recipe=recipe))
    return replace(assignment, plan=of_target).further(
        target, held_out=Labels.read(plan.reader, "valid", target), unit="tree"
    )


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


def _look(
    job: TreeJob, model: GrowingModel, recorder: Recorder, done: int, seconds: float
) -> None:
    with np.errstate(over="ignore"):  # what is infinite is told of below
        predictions = model.predictions("valid").astype(np.float32)
    recorder.record(
        done,
        loss=model.loss("train"),
        val_loss=model.loss("valid"),
        val_corr=job.held_out.labels.corr(predictions),
        seconds=seconds,
    )


def _job(
    assignment: Assignment, untrained: dict[str, Any], device: str, done: int
) -> TreeJob:
    plan = assignment.plan
    recipe, reader = plan.checked.recipe, plan.reader
    parameters = cast(TreesParameters, plan.checked.parameters)

    def rows(split: str, labels: Labels) -> TreeRows:
        return TreeRows(
            reader, split, plan.features, recipe.target, recipe.missing, labels
        )

    train = Labels.read(reader, "train", recipe.target)
    return TreeJob(
        train=rows("train", train),
        held_out=rows("valid", assignment.held_out),
        booster=untrained["booster"],
        is_classification=parameters.objective == "classification",
        device=device,
        cache=reader.folder.with_name(f"{reader.folder.name}.bins"),
        checkpoints=assignment.checkpoints,
        n_done=done,
        max_ram_bytes=plan.job.max_ram_bytes or int(_RAM_SHARE * memory_bytes()),
        progress=assignment.progress,
    )
