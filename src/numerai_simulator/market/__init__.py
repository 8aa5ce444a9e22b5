"""The simulated market: deterministic by seed, in the form of Numerai's files."""

from numerai_simulator.market.catalog import VERSIONS
from numerai_simulator.market.market import (
    ALIASES,
    LIVE_FILES,
    SILENT,
    Market,
    Progress,
)
from numerai_simulator.market.spec import EDITION, MarketSpec, parse_spec, preset

__all__ = [
    "ALIASES",
    "EDITION",
    "LIVE_FILES",
    "SILENT",
    "VERSIONS",
    "Market",
    "MarketSpec",
    "Progress",
    "parse_spec",
    "preset",
]
