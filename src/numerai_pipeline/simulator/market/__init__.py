"""The simulated market: deterministic by seed, in the form of Numerai's files."""

from numerai_pipeline.simulator.market.market import (
    LIVE_FILES,
    META_MODEL_ALIAS,
    Market,
)
from numerai_pipeline.simulator.market.spec import MarketSpec, preset

__all__ = ["LIVE_FILES", "META_MODEL_ALIAS", "Market", "MarketSpec", "preset"]
