"""What ``train`` returns."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.outcomes import Outcomes
from numerai_pipeline.api.results import Best, empty_figure, frame_of, plain
from numerai_pipeline.core import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.api.figure import CellFigure
    from numerai_pipeline.training import Run


class Training:
    """A finished training.

    Args:
        run: its run folder.
    """

    def __init__(self, run: "Run") -> None:
        self.run = run

    @property
    def name(self) -> str:
        """The model's name."""
        return self.run.name

    @cached_property
    def best(self) -> Best:
        """The best epoch: number, value, file."""
        found = self.run.best()
        return Best(found.epoch, found.value, found.path)

    @cached_property
    def history(self) -> "pd.DataFrame":
        """Its ``history.csv``, by ``epoch``."""
        return frame_of(self.run.history(), "epoch")

    @cached_property
    def is_production(self) -> bool:
        """Whether it predicts live data."""
        from numerai_pipeline.training import production_run

        try:
            return production_run(self.run.folder.parent).folder == self.run.folder
        except DataError:  # what should predict is missing; this one does not either
            return False

    @property
    def figure(self) -> "CellFigure":
        """The curves, with the best epoch marked."""
        from numerai_pipeline.training import draw_training

        figure = empty_figure()
        draw_training(figure, self.run.chart())
        return figure

    @property
    def epoch(self) -> int | None:
        """The number of the best epoch; None of an ensemble, which has none."""
        return None if self.run.is_ensemble else self.best.epoch

    def to_dict(self) -> dict[str, Any]:
        """Return name, best epoch, monitor, its value, the run and its role."""
        record = {
            "name": self.name,
            "best_epoch": self.epoch,
            "monitor": self.run.monitor,
            "best_value": self.best.value,
            "run": self.run.folder,
            "is_production": self.is_production,
        }
        return dict(plain(record))

    def __repr__(self) -> str:
        return (
            f"Training({self.name}: best at {self.best.epoch}, {self.run.monitor} "
            f"{self.best.value:.5f}, in {self.run.folder})"
        )


class Trained(Outcomes[Training]):
    """The trainings, by model: ``trained["mlp"].history``.

    Of a single model, ``history``, ``best`` and ``figure`` stand here too.
    """

    @property
    def table(self) -> "pd.DataFrame":
        """A row per model, by ``name``: best_epoch, monitor, best_value, run."""
        return frame_of(self.to_dict(), "name")

    @property
    def history(self) -> "pd.DataFrame":
        """The only model's history."""
        return self._only.history

    @property
    def best(self) -> Best:
        """The only model's best epoch."""
        return self._only.best

    @property
    def figure(self) -> "CellFigure":
        """The only model's curves."""
        return self._only.figure

    @property
    def _only(self) -> Training:
        if len(self) != 1:
            names = ", ".join(one.name for one in self.outcomes)
            raise ConfigError(
                f"these are {len(self)} trainings: {names}. Choose one by its name, "
                f'such as trained["{self.outcomes[0].name}"].'
            )
        return self.outcomes[0].get()
