"""A tournament on this machine: a synthetic market and Numerai's API over it."""

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
