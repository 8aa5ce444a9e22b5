"""A tournament on this machine: a synthetic market and Numerai's API over it."""

from numerai_pipeline.simulator.market import Market, MarketSpec, preset
from numerai_pipeline.simulator.server.account import DEFAULT_MODELS
from numerai_pipeline.simulator.server.run import (
    RunningSimulator,
    running_simulator,
    serve,
)
from numerai_pipeline.simulator.server.simulator import (
    DEFAULT_START,
    Simulator,
    open_simulator,
)

__all__ = [
    "DEFAULT_MODELS",
    "DEFAULT_START",
    "Market",
    "MarketSpec",
    "RunningSimulator",
    "Simulator",
    "open_simulator",
    "preset",
    "running_simulator",
    "serve",
]
