"""The demo: the whole tournament on this machine, a simulated month included.

It is a workspace like any other, with the simulator's folder in it; but the demo moves
the clock, where one would otherwise wait for a month.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from numerai_pipeline.api.play import SIMULATOR_PORT
from numerai_pipeline.api.project import Project
from numerai_pipeline.api.results import Result, Step, plain
from numerai_pipeline.api.rounds import Status
from numerai_pipeline.api.scored import Scored
from numerai_pipeline.api.trained import Trained
from numerai_pipeline.core import Progress

if TYPE_CHECKING:
    import pandas as pd

# Family and model have the same name here; the simulated account has these models.
MODELS = {"mlp": "sim_mlp", "lightgbm": "sim_lightgbm"}

R = TypeVar("R", bound=Result)


@dataclass(frozen=True, repr=False)
class DemoResult(Result):
    """The result of the demo.

    Attributes:
        folder: its workspace.
        steps: what was done, in order.
    """

    folder: Path
    steps: tuple[Step, ...]

    @property
    def trained(self) -> Trained:
        """The trainings."""
        return self._last(Trained)

    @property
    def scored(self) -> Scored:
        """The scores per era; missing after ``predict=True``."""
        return self._last(Scored)

    @property
    def status(self) -> Status:
        """The ledger, and the scores of what was submitted."""
        return self._last(Status)

    @property
    def pictures(self) -> dict[str, list[Path]]:
        """Each model's plots."""
        return {
            one.name: sorted((one.run.folder / "plots").glob("*.png"))
            for one in self.trained
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the folder and each step with its result."""
        return {"folder": str(self.folder), "steps": plain(self.steps)}

    @property
    def table(self) -> "pd.DataFrame":
        """The newest day's scores of each submission."""
        return self.status.table

    def _repr_html_(self) -> str:
        shown = [one.result for one in self.steps]
        last = [one for one in shown if isinstance(one, Scored | Status)]
        return "".join(one._repr_html_() for one in last)

    def __repr__(self) -> str:
        return f"DemoResult({str(self.folder)!r}, {len(self.steps)} steps)"

    def _last(self, kind: type[R]) -> R:
        return next(
            one.result for one in reversed(self.steps) if isinstance(one.result, kind)
        )


def play(
    folder: Path,
    size: str,
    *,
    is_round_only: bool,
    is_next_round: bool,
    progress: Progress,
    show_step: Callable[[Step], None] | None,
) -> DemoResult:
    """Run the tournament; steps that an earlier demo finished are not repeated.

    Args:
        folder: the workspace.
        size: of the market, for a new folder.
        is_round_only: only predict and submit the round that is open or opens next.
        is_next_round: with it, first move the clock to the next round.
        progress: receives the progress of long work.
        show_step: called with each step when it is done.
    """
    steps: list[Step] = []

    def step(title: str, command: str, result: Result) -> None:
        steps.append(Step(title, command, result))
        if show_step is not None:
            show_step(steps[-1])

    home, models = folder / "simulator", tuple(MODELS)
    names = " ".join(models)
    with Project(progress=progress).simulate(
        home,
        size=None if (home / "market.json").is_file() else size,
        models=tuple(MODELS.values()),
        port=0,
    ) as simulation:
        step("A tournament on this machine: a market made from a seed", "", simulation)
        environ = {"NUMERAI_API_URL": simulation.url}
        project = Project(folder, environ=environ, progress=progress)
        if not project.workspace.settings_path.is_file():
            # The default port of `nai simulate`, to continue by hand.
            url = f"http://127.0.0.1:{SIMULATOR_PORT}"
            project.init(simulation=url, models=MODELS)
        step("Download", "nai download", project.download())
        step("Shards", "nai etl", project.etl())
        missing = [n for n in models if not project.workspace.recipe_path(n).is_file()]
        for name in missing:
            step("A model", f"nai new {name}", project.new(name))
        step("Training", f"nai train {names}", project.train(models))
        if not is_round_only:
            step("Scores per era", f"nai score {names}", project.score(models))
        if is_round_only or not _is_submitted(project):
            if is_next_round or not simulation.is_round_open:
                simulation.move_to("next_open")
                step("A round opens: the demo moves the clock", "", simulation)
            predictions = project.predict(models)
            step("Live predictions", f"nai predict {names}", predictions)
            step("Submission", "nai submit", project.submit())
        if not is_round_only:
            first = min(row.round_number for row in project.ledger.rows())
            resolves = simulation.simulator.timetable.resolves(first)
            if simulation.now < resolves:
                simulation.move_to(resolves)
                step("A month later: 20 score days are over", "", simulation)
        step("Ledger and scores", "nai status", project.status())
    return DemoResult(folder, tuple(steps))


def _is_submitted(project: Project) -> bool:
    """Return whether every model was submitted once."""
    rows = project.ledger.rows()
    return set(MODELS) <= {row.model for row in rows if row.state == "confirmed"}
