"""A tournament on this machine: a synthetic market and Numerai's API over it.

It imports nothing of `numerai_pipeline`: a referee shares no code with the player.

```
errors, clock, storage   errors and refusals; virtual time; files that appear whole
market/                  everything that is handed out and scored against
  spec, catalog          sizes and strength; names of features, sets and targets
  stocks, eras           exposures, payoffs, returns; a day's features and targets
  tables, market         Numerai's columns; Numerai's files
server/                  the tournament over a market
  simulator              a folder, its market, its state, its time
  timetable, season      when rounds open and score; what happens while time passes
  state, account         the SQLite file; models, stakes, wallet
  submissions, scoring   uploads and what becomes of them; scores and payouts
  diagnostics, standings validation scores; the other participants, ranks
  files, local, app, run data files; who may ask; HTTP; starting and ending
  schema, resolvers/     Numerai's GraphQL schema, and what answers its fields
```
"""

from numerai_simulator.clock import Clock, SystemClock, VirtualClock, parse_time
from numerai_simulator.errors import BrokenFolder, SetupError, SimulatorError
from numerai_simulator.market import Market, MarketSpec, preset
from numerai_simulator.server.account import DEFAULT_MODELS
from numerai_simulator.server.run import (
    RunningSimulator,
    running_simulator,
    serve,
)
from numerai_simulator.server.simulator import (
    DEFAULT_START,
    Simulator,
    open_simulator,
)

__all__ = [
    "DEFAULT_MODELS",
    "DEFAULT_START",
    "BrokenFolder",
    "Clock",
    "Market",
    "MarketSpec",
    "RunningSimulator",
    "SetupError",
    "Simulator",
    "SimulatorError",
    "SystemClock",
    "VirtualClock",
    "open_simulator",
    "parse_time",
    "preset",
    "running_simulator",
    "serve",
]
