"""The simulated market: deterministic by seed, in the form of Numerai's files."""

from numerai_simulator.market.market import (
    LIVE_FILES,
    META_MODEL_ALIAS,
    SILENT,
    Market,
    Progress,
)
from numerai_simulator.market.spec import MarketSpec, parse_spec, preset

__all__ = [
    "LIVE_FILES",
    "META_MODEL_ALIAS",
    "SILENT",
    "Market",
    "MarketSpec",
    "Progress",
    "parse_spec",
    "preset",
]
