"""A simulated tournament that runs in the background."""

import atexit
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from numerai_pipeline.api.results import Result, plain
from numerai_pipeline.core import (
    ConfigError,
    DataError,
    Settings,
    SubmissionSettings,
    TournamentSettings,
)

if TYPE_CHECKING:
    import numerai_simulator
    from numerai_simulator import Simulator

Moment = Literal["next_open", "resolved"]

# How often a waiting main thread wakes up, so that Ctrl-C works on every system.
_WAKE_SECONDS = 0.2


@contextmanager
def simulator_errors() -> Iterator[None]:
    """Raise the simulator's errors as those of this package, with its exit codes.

    Raises:
        ConfigError: if the market, folder, port or clock cannot be used.
        DataError: if the simulator's folder is damaged.
    """
    from numerai_simulator import BrokenFolder, SimulatorError

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
            # This machine answers fast or not at all.
            timeout_seconds=30,
            deadline_seconds=60,
        ),
        submission=SubmissionSettings(models=dict(models)),
    )


def clock_of(text: str) -> "numerai_simulator.Clock | None":
    """Return the clock of a simulated tournament.

    Args:
        text: ``virtual``: stands until it is moved, None; ``system``; or a moment at
            which a virtual clock starts.

    Raises:
        ConfigError: if it is none of these.
    """
    from numerai_simulator import SystemClock, VirtualClock, parse_time

    if text == "virtual":
        return None
    if text == "system":
        return SystemClock()
    try:
        return VirtualClock(parse_time(text))
    except ValueError as error:
        raise ConfigError(
            f"--clock {text} is neither virtual nor system nor a moment: {error}."
        ) from None


class Simulation(Result):
    """A simulated tournament that answers until ``stop``, or until a block ends."""

    def __init__(self, url: str, simulator: "Simulator", resources: ExitStack) -> None:
        self.url = url
        self.simulator = simulator
        self._resources = resources
        # Nothing keeps running after a notebook is closed.
        atexit.register(self.stop)

    @property
    def now(self) -> datetime:
        """The tournament's time, which stands still until ``move_to``."""
        return self.simulator.clock.now()

    @property
    def folder(self) -> Path:
        """Folder of its market and state."""
        return self.simulator.folder

    @property
    def is_round_open(self) -> bool:
        """Whether a round accepts submissions now."""
        timetable = self.simulator.timetable
        return timetable.is_open(timetable.latest_opened(self.now), self.now)

    def to_dict(self) -> dict[str, Any]:
        """Return URL, time and folder."""
        return dict(plain({"url": self.url, "now": self.now, "folder": self.folder}))

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
        timetable, now = self.simulator.timetable, self.now
        known = {
            "next_open": timetable.next_opening(now),
            "resolved": timetable.resolves(timetable.latest_opened(now)),
        }
        if moment not in known:
            raise ConfigError(
                f"the clock cannot be moved to '{moment}'. Use next_open, resolved, or "
                "a moment in UTC."
            )
        return self._move_to(known[moment])

    def _move_to(self, moment: datetime) -> datetime:
        with simulator_errors():
            return self.simulator.move_to(moment)

    def wait(self) -> None:
        """Wait until Ctrl-C."""
        never = threading.Event()
        while not never.wait(_WAKE_SECONDS):
            pass

    def stop(self) -> None:
        """End it; ``simulate`` on the same folder resumes where it stopped."""
        self._resources.close()
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
