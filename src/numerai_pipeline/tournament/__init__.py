"""The only room that talks to Numerai, and what it promises to the others."""

from numerai_pipeline.tournament.access import SIMULATED_KEYS, is_loopback
from numerai_pipeline.tournament.numerai import connect
from numerai_pipeline.tournament.patience import (
    Failure,
    Patience,
    failure_of_error,
    failure_of_status,
)
from numerai_pipeline.tournament.protocol import (
    NoOpenRound,
    Round,
    RoundScore,
    Submission,
    Tournament,
)

__all__ = [
    "SIMULATED_KEYS",
    "Failure",
    "NoOpenRound",
    "Patience",
    "Round",
    "RoundScore",
    "Submission",
    "Tournament",
    "connect",
    "failure_of_error",
    "failure_of_status",
    "is_loopback",
]
