"""The server's «no»: sentences that reach the client as GraphQL errors."""

from numerai_pipeline.core import TournamentRefused

# Numerai's own words for a token that is wrong or missing.
NO_SESSION = "Your session is invalid or has expired."
# Numerai's own words while there is no round at all.
NO_ROUND = "Current round not open for submissions"


def not_simulated(what: str) -> TournamentRefused:
    """Return the refusal of something that this tournament does not play."""
    return TournamentRefused(f"not simulated: {what}. docs/simulator.md lists what is.")
