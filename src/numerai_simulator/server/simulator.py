"""The simulated tournament as a whole: a folder, its market, its state, its time.

```
FOLDER/market.json     the market's spec: nothing else decides its data
FOLDER/files/          the data files, written once
FOLDER/live/           live data of rounds that were asked for
FOLDER/uploads/        predictions and pickles as they came
FOLDER/state.sqlite    everything else
```
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from numerai_simulator.clock import Clock, VirtualClock, format_time, parse_time
from numerai_simulator.errors import SetupError
from numerai_simulator.market import (
    EDITION,
    SILENT,
    Market,
    MarketSpec,
    Progress,
    parse_spec,
)
from numerai_simulator.server.account import DEFAULT_MODELS, Account
from numerai_simulator.server.diagnostics import Diagnostics
from numerai_simulator.server.files import Files
from numerai_simulator.server.season import Season
from numerai_simulator.server.standings import Field, Standings
from numerai_simulator.server.state import State
from numerai_simulator.server.submissions import Submissions, Uploads
from numerai_simulator.server.timetable import Timetable, first_day_from
from numerai_simulator.storage import locked, read_json, write_json

# Where virtual time begins: a Tuesday, five minutes after a round has opened.
DEFAULT_START = datetime(2026, 11, 24, 12, 5, tzinfo=UTC)

# Rounds and scores are dated a month ahead, and every day on the way is played.
_LAST_YEAR = 2099

_NOW = "now"
_FIRST_DAY = "first_day"


class Simulator:
    """Everything behind the server, without the server.

    Made by ``open_simulator``; holds its folder until it is closed.
    """

    def __init__(
        self, folder: Path, market: Market, clock: Clock, state: State, held: ExitStack
    ) -> None:
        self.folder = folder
        self.market = market
        self.clock = clock
        self.state = state
        self._held = held
        spec = market.spec
        first_day = date.fromisoformat(str(state.setting(_FIRST_DAY)))
        self.timetable = Timetable(spec.first_round, first_day)
        self.field = Field(spec.seed, (spec.min_rows + spec.max_rows) / 2)
        self.files = Files(folder, market)
        self.account = Account(state)
        self.uploads = Uploads(folder, state)
        self.submissions = Submissions(market, state, self.timetable, self.uploads)
        self.diagnostics = Diagnostics(self.files, state, self.uploads)
        self.standings = Standings(state, self.timetable, self.field, self.account)
        self.season = Season(
            market, state, self.timetable, self.field, self.account, self.submissions
        )

    def advance(self) -> datetime:
        """Bring everything up to the present and return that moment."""
        with self.state.lock:
            now = self.clock.now()
            self.season.advance(now)
            self.state.set(_NOW, format_time(now))
        return now

    def move_to(self, moment: datetime) -> datetime:
        """Move the virtual clock forward, with all that happens on the way.

        Raises:
            SetupError: if the clock is not virtual, or ``moment`` is past.
        """
        if not isinstance(self.clock, VirtualClock):
            raise SetupError(
                "this simulator runs on the machine's clock, which cannot be moved. "
                "Start one with a virtual clock."
            )
        if moment.year > _LAST_YEAR:
            raise SetupError(
                f"the clock cannot be moved to {format_time(moment)}: simulated time "
                f"ends with the year {_LAST_YEAR}."
            )
        try:
            self.clock.move_to(moment)
        except ValueError:
            raise SetupError(
                f"the clock stands at {format_time(self.clock.now())} and never goes "
                f"back, so it cannot be moved to {format_time(moment)}."
            ) from None
        return self.advance()

    def close(self) -> None:
        """Give the folder back."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_simulator(
    folder: Path,
    spec: MarketSpec | None = None,
    *,
    clock: Clock | None = None,
    models: Sequence[str] = DEFAULT_MODELS,
    progress: Progress = SILENT,
) -> Simulator:
    """Open a folder as a simulated tournament; make it if it is not one yet.

    Args:
        folder: where everything lies; one process at a time.
        spec: the market; None takes the one that the folder has.
        clock: None is a virtual clock that goes on where the folder stopped. A
            virtual clock that is passed is moved there.
        models: names of the account's models; missing ones are made.
        progress: where the progress of writing the market's files goes.

    Raises:
        SetupError: if another process holds the folder, the folder has another
            market or a later time than the clock, or a name is not valid.
    """
    held = ExitStack()
    try:
        held.enter_context(locked(folder))
        market = Market(_market_spec(folder, spec))
        Files(folder, market).write(progress=progress)
        state = State(folder / "state.sqlite")
        held.callback(state.close)
        clock = _resumed(clock, state.setting(_NOW), folder)
        if state.setting(_FIRST_DAY) is None:
            state.set(_FIRST_DAY, first_day_from(clock.now()).isoformat())
        Account(state).open(models, clock.now())
        simulator = Simulator(folder, market, clock, state, held)
        simulator.advance()
    except BaseException:
        held.close()
        raise
    return simulator


def _market_spec(folder: Path, spec: MarketSpec | None) -> MarketSpec:
    """Return the folder's market, which is what was asked for if something was."""
    path = folder / "market.json"
    if not path.exists():
        if spec is None:
            raise SetupError(
                f"{folder} holds no simulated tournament yet: say which size of "
                "market it shall have."
            )
        write_json(path, {"edition": EDITION, **spec.model_dump(mode="json")})
        return spec
    values = read_json(path)
    if not isinstance(values, dict) or values.pop("edition", None) != EDITION:
        raise SetupError(
            f"{folder} was made by another version of this program, whose markets hold "
            "other data. Delete it, and the workspace that was filled from it "
            "(for `nai demo` the folder around it), then rerun."
        )
    kept = parse_spec(values, where=str(path))
    if spec is not None and spec != kept:
        other = [
            f"{key} {value} instead of {getattr(spec, key)}"
            for key, value in kept.model_dump().items()
            if value != getattr(spec, key)
        ]
        raise SetupError(
            f"{folder} holds another market, with {', '.join(other)}. Take that one "
            "by leaving --size, --seed and the eras out, or take another folder."
        )
    return kept


def _resumed(clock: Clock | None, saved: str | None, folder: Path) -> Clock:
    """Return a clock that is not behind the folder."""
    if clock is None:
        return VirtualClock(parse_time(saved) if saved else DEFAULT_START)
    if saved is None or parse_time(saved) <= clock.now():
        return clock
    if isinstance(clock, VirtualClock):
        clock.move_to(parse_time(saved))
        return clock
    raise SetupError(
        f"{folder} has reached {saved}, but the machine's clock says "
        f"{format_time(clock.now())}. Open it with a virtual clock, or take another "
        "folder."
    )
