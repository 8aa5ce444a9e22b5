"""One model that is to be trained: what an engine is handed."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from numerai_pipeline.core import DataError, Progress
from numerai_pipeline.models import TrainingTable
from numerai_pipeline.training.history import unit_of
from numerai_pipeline.training.job import ModelPlan, Plan
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.recorder import Recorder


@dataclass(frozen=True)
class Task:
    """One model that is to be trained, or to go on: what an engine is handed.

    Attributes:
        plan: recipe, shards and features.
        model: its fold and targets.
        folder: the run folder; the untrained model stands in it.
        recorder: takes the epochs; knows those that are done.
        progress: where to report.
    """

    plan: Plan
    model: ModelPlan
    folder: Path
    recorder: Recorder
    progress: Progress

    @property
    def training(self) -> TrainingTable:
        """The table ``[training]``."""
        return self.plan.checked.training

    @property
    def title(self) -> str:
        """What a progress bar calls it."""
        return f"training {self.plan.job.name} {self.model.name}".rstrip()

    @property
    def untrained(self) -> Path:
        """The model from which training starts."""
        name = self.plan.checked.untrained_file(self.model.seed_number)
        return self.folder / name

    @property
    def seed(self) -> int:
        """The seed of all its randomness."""
        return self.plan.checked.seed(self.model.seed_number)

    @property
    def checkpoints(self) -> Path:
        """Folder of the best model and of what a resumed training needs."""
        return self.folder / "checkpoints" / self.model.name

    @property
    def best_path(self) -> Path:
        """The best model so far."""
        return self.checkpoints / f"best{self.plan.checked.family.trained_suffix}"

    @property
    def stop_at(self) -> int | None:
        """Epochs or trees to train, or the number of the penalty; None: no limit."""
        return self.plan.job.stop_at.get(self.model.name)

    @property
    def has_validation(self) -> bool:
        """Whether there are eras to choose by."""
        return bool(self.model.fold.validation)

    @cached_property
    def validation(self) -> Labels:
        """Targets and eras of the validation rows that have the first target."""
        part = self.model.fold.part("validation")
        return Labels.read(self.plan.reader, part, self.model.targets[0])

    def check_width(self, width: object) -> None:
        """Check that the untrained model's input has the width of the features.

        Raises:
            DataError: if not; only one that was made by hand can differ.
        """
        if width != len(self.plan.features):
            raise DataError(
                f"{self.untrained.name} of '{self.plan.job.name}' takes {width} "
                f"features, but the set '{self.plan.job.recipe.feature_set}' in "
                f"{self.plan.job.shards} has {len(self.plan.features)}. Rebuild it "
                "with `nai new --force`, or choose another feature_set in model.toml."
            )


def make_task(plan: Plan, model: ModelPlan, folder: Path, run: Recorder) -> Task:
    """Return the task of one model.

    Args:
        plan: what the run is.
        model: one of its models.
        folder: the run folder.
        run: recorder of the run, which the first model without a name reports to.
    """
    recorder = run
    if model.name:
        recorder = Recorder(
            folder / f"history-{model.name}.csv",
            plan.checked.training,
            unit=unit_of(plan.checked.complete().model_dump(), of_run=False),
            tensorboard=None,
            progress=run.progress,
            title=f"{plan.job.name}, run {folder.name}, {model.name}",
            has_validation=bool(model.fold.validation),
        )
    task = Task(plan, model, folder, recorder, run.progress)
    task.checkpoints.mkdir(exist_ok=True)
    return task
