"""The tournament API: one protocol, implemented over HTTP for Numerai."""

from numerai_pipeline.tournament.access import SIMULATED_KEYS, is_loopback, tls_context
from numerai_pipeline.tournament.deadline import (
    Deadline,
    Failure,
    failure_of_error,
    failure_of_status,
)
from numerai_pipeline.tournament.numerai import connect
from numerai_pipeline.tournament.protocol import (
    NoOpenRound,
    Round,
    RoundScore,
    Submission,
    Tournament,
)

__all__ = [
    "SIMULATED_KEYS",
    "Deadline",
    "Failure",
    "NoOpenRound",
    "Round",
    "RoundScore",
    "Submission",
    "Tournament",
    "connect",
    "failure_of_error",
    "failure_of_status",
    "is_loopback",
    "tls_context",
]
