"""`simulate` as a call: a tournament that runs beside a notebook's cells."""

import atexit
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    Settings,
    SubmissionSettings,
    TournamentSettings,
)
from numerai_pipeline.python.opening import Folder
from numerai_pipeline.views import detect_progress
from numerai_simulator import (
    DEFAULT_MODELS,
    BrokenFolder,
    Simulator,
    SimulatorError,
    preset,
)
from numerai_simulator import running_simulator as running

Moment = Literal["next_open", "resolved"]


@contextmanager
def simulator_errors() -> Iterator[None]:
    """Raise the simulator's errors as those of this package, with its exit codes.

    Raises:
        ConfigError: if the market, folder, port or clock cannot be had.
        DataError: if the simulator's folder is damaged.
    """
    try:
        yield
    except BrokenFolder as error:
        raise DataError(str(error)) from error
    except SimulatorError as error:
        raise ConfigError(str(error)) from error


def simulated_settings(url: str, models: Mapping[str, str]) -> Settings:
    """Return the settings of a workspace that talks to a simulated tournament.

    Args:
        url: where it answers.
        models: name of a model -> its name at the tournament.
    """
    return Settings(
        tournament=TournamentSettings(
            simulated=True,
            url=url,
            # This machine answers soon or not at all.
            timeout_seconds=30,
            deadline_seconds=60,
        ),
        submission=SubmissionSettings(models=dict(models)),
    )


class Simulation:
    """A simulated tournament that answers until ``stop``, or until a block ends."""

    def __init__(self, url: str, simulator: Simulator, held: ExitStack) -> None:
        self.url = url
        self._simulator = simulator
        self._held = held
        # A notebook that is closed leaves nothing running.
        atexit.register(self.stop)

    @property
    def now(self) -> datetime:
        """The tournament's time, which stands until ``move_to``."""
        return self._simulator.clock.now()

    @property
    def folder(self) -> Path:
        """Where its market and state live."""
        return self._simulator.folder

    def move_to(self, moment: datetime | Moment) -> datetime:
        """Move the tournament's clock, with all that happens on the way.

        Args:
            moment: ``"next_open"``: when the next round opens; ``"resolved"``: when
                the newest round has its last scores; or a moment.

        Returns:
            The new time.

        Raises:
            ConfigError: if the moment is past.
        """
        if isinstance(moment, datetime):
            return self._move_to(moment)
        timetable, now = self._simulator.timetable, self.now
        known = {
            "next_open": timetable.next_opening(now),
            "resolved": timetable.resolves(timetable.latest_opened(now)),
        }
        if moment not in known:
            raise ConfigError(
                f"the clock cannot be moved to '{moment}'. Say next_open, resolved, or "
                "a moment in UTC."
            )
        return self._move_to(known[moment])

    def _move_to(self, moment: datetime) -> datetime:
        with simulator_errors():
            return self._simulator.move_to(moment)

    def stop(self) -> None:
        """End it; ``simulate`` on the same folder goes on where it stopped."""
        self._held.close()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Simulation({self.url}, {self.now:%Y-%m-%d %H:%M} UTC, {self.folder})"


def simulate(
    folder: Folder = "simulator",
    *,
    size: str | None = None,
    seed: int = 1,
    port: int = 0,
    models: Sequence[str] = DEFAULT_MODELS,
) -> Simulation:
    """Start a simulated tournament on this machine.

    Args:
        folder: where its market and state live; the same folder goes on.
        size: of the market of a new folder: ``tiny``, ``small`` (default), ``full``.
        seed: another seed, another market.
        port: 0 takes a free one.
        models: the models that the simulated account has.

    Raises:
        ConfigError: if there is no such size, another process has the folder, or the
            folder has another market.
    """
    is_new = not (Path(folder) / "market.json").is_file()
    held = ExitStack()
    with simulator_errors():
        spec = preset(size or "small", seed=seed) if is_new or size else None
        server = held.enter_context(
            running(
                Path(folder), spec, port=port, models=models, progress=detect_progress()
            )
        )
    return Simulation(server.url, server.simulator, held)
