"""What an engine is handed."""

from dataclasses import dataclass, replace
from pathlib import Path

from numerai_pipeline.core import DataError, Progress
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.plan import Plan
from numerai_pipeline.training.recorder import Recorder


@dataclass(frozen=True)
class Assignment:
    """A training that is to be begun or to go on.

    Attributes:
        plan: recipe, shards and features.
        folder: the run folder; the untrained model stands in it.
        held_out: targets and eras of the split ``valid``.
        recorder: takes the epochs; knows those that are done.
        progress: where to report.
        part: folder of a further model of the run, under that of the checkpoints;
            empty for the one that the history is of.
    """

    plan: Plan
    folder: Path
    held_out: Labels
    recorder: Recorder
    progress: Progress
    part: str = ""

    @property
    def untrained(self) -> Path:
        """The model from which training starts."""
        return self.folder / self.plan.checked.family.untrained_file

    @property
    def checkpoints(self) -> Path:
        """Folder of the best model and of what a resumed training needs."""
        return self.folder / "checkpoints" / self.part

    @property
    def best_path(self) -> Path:
        """The best model so far."""
        return self.checkpoints / f"best{self.plan.checked.family.trained_suffix}"

    def further(self, name: str, *, held_out: Labels, unit: str) -> "Assignment":
        """Return what trains a further model of the run, with a history of its own.

        Args:
            name: of its folder of checkpoints, and in ``history-NAME.csv``.
            held_out: what it is looked at by.
            unit: what its history counts.
        """
        further = replace(
            self,
            held_out=held_out,
            recorder=Recorder(
                self.folder / f"history-{name}.csv",
                self.plan.checked.training,
                unit=unit,
                curves=None,
                progress=self.progress,
                title=f"{self.plan.job.name}, run {self.folder.name}, {name}",
            ),
            part=name,
        )
        further.checkpoints.mkdir(exist_ok=True)
        return further

    def check_width(self, width: object) -> None:
        """Check that the untrained model takes as many features as there are.

        Raises:
            DataError: if not; only one that was made by hand can differ.
        """
        if width != len(self.plan.features):
            raise DataError(
                f"{self.untrained.name} of '{self.plan.job.name}' takes {width} "
                f"features, but the set '{self.plan.job.recipe.feature_set}' in "
                f"{self.plan.job.shards} has {len(self.plan.features)}. Make it "
                "again, or choose another feature_set in model.toml."
            )
