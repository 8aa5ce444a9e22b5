"""The demo: the whole tournament on this machine, a simulated month included.

It is a workspace like any other, with the simulator's folder in it; only the clock
is moved by the demo, where one would otherwise wait for a month.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from numerai_pipeline import api
from numerai_pipeline.api import Pipeline, Prediction
from numerai_pipeline.core import Progress
from numerai_pipeline.python.opening import Folder
from numerai_pipeline.python.results import Scored, Standing, Trained
from numerai_pipeline.python.simulation import simulated_settings
from numerai_pipeline.simulator import RunningSimulator, preset, running_simulator
from numerai_pipeline.submission import Receipt
from numerai_pipeline.views import detect_progress

# Family and model have the same name here; the simulated account has these models.
DEMO_MODELS = {"mlp": "sim_mlp", "lightgbm": "sim_lightgbm"}
# Written into the demo's numerai.toml; nothing well-known lives there.
DEMO_PORT = 8437


@dataclass(frozen=True)
class Playing:
    """The demo while its tournament runs."""

    pipeline: Pipeline
    simulator: RunningSimulator

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models."""
        return tuple(DEMO_MODELS)

    def make_models(self) -> list[Path]:
        """Write the recipes that are not there yet; returns all of them."""
        paths = [self.pipeline.workspace.recipe_path(name) for name in self.models]
        for name, path in zip(self.models, paths, strict=True):
            if not path.is_file():
                api.new(self.pipeline, name, name)
        return paths

    @property
    def is_submitted(self) -> bool:
        """Whether every model was submitted once."""
        rows = self.pipeline.ledger.rows()
        done = {row.model for row in rows if row.state == "confirmed"}
        return set(DEMO_MODELS) <= done

    def is_round_open(self) -> bool:
        """Tell whether a round takes submissions now."""
        timetable, now = self.simulator.simulator.timetable, self.simulator.clock.now()
        return timetable.is_open(timetable.latest_opened(now), now)

    def open_next_round(self) -> None:
        """Move the clock to where the next round opens."""
        timetable = self.simulator.simulator.timetable
        self.simulator.simulator.move_to(
            timetable.next_opening(self.simulator.clock.now())
        )

    def predict(self) -> list[Prediction]:
        """Predict the open round with every model."""
        return api.predict(self.pipeline, self.models)

    def submit(self) -> list[Receipt]:
        """Submit every model's predictions."""
        return api.submit(self.pipeline)

    def resolve_first_round(self) -> bool:
        """Move the clock to the last score of the first submission.

        Returns:
            Whether it had to be moved.
        """
        first = min(row.round_number for row in self.pipeline.ledger.rows())
        resolves = self.simulator.simulator.timetable.resolves(first)
        is_ahead = self.simulator.clock.now() < resolves
        if is_ahead:
            self.simulator.simulator.move_to(resolves)
        return is_ahead


@contextmanager
def playing(
    folder: Path, size: str, *, progress: Progress, port: int = DEMO_PORT
) -> Iterator[Playing]:
    """Run the simulated tournament, with a workspace that talks to it.

    Args:
        folder: the workspace.
        size: of the market, for a new folder.
        progress: told of long work.
        port: written into its ``numerai.toml``, for `nai simulate` later on.
    """
    home = folder / "simulator"
    spec = None if (home / "market.json").is_file() else preset(size)
    with running_simulator(
        home, spec, models=tuple(DEMO_MODELS.values()), progress=progress
    ) as simulator:
        if not (folder / "numerai.toml").is_file():
            url = f"http://127.0.0.1:{port}"
            api.create_workspace(folder, simulated_settings(url, DEMO_MODELS))
        environ = {"NUMERAI_API_URL": simulator.url}
        pipeline = Pipeline.open(folder, environ=environ, progress=progress)
        yield Playing(pipeline, simulator)


@dataclass(frozen=True, eq=False)
class Played:
    """What the demo came to.

    Attributes:
        folder: its workspace.
        trained: the trainings.
        scored: scores on held-out eras.
        standing: the ledger, and the scores a simulated month later.
    """

    folder: Path
    trained: list[Trained]
    scored: Scored
    standing: Standing

    def _repr_html_(self) -> str:
        return self.scored._repr_html_() + self.standing._repr_html_()


def demo(folder: Folder = "demo", *, size: str = "small") -> Played:
    """Play the whole tournament on this machine: no account, no internet.

    What was done in an earlier call is not done again.

    Args:
        folder: the demo's workspace; delete it to start anew.
        size: of the market: ``tiny``, ``small`` or ``full``.
    """
    with playing(Path(folder), size, progress=detect_progress()) as play:
        api.download_data(play.pipeline)
        api.etl(play.pipeline)
        play.make_models()
        runs = api.train(play.pipeline, play.models)
        evaluations = api.score(play.pipeline, play.models)
        if not play.is_submitted:
            if not play.is_round_open():
                play.open_next_round()
            play.predict()
            play.submit()
        play.resolve_first_round()
        return Played(
            folder=Path(folder),
            trained=[Trained(run) for run in runs],
            scored=Scored(evaluations),
            standing=Standing.of(api.status(play.pipeline)),
        )
