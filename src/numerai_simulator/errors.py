"""Every error that the simulator raises on purpose, and the server's refusals.

```
SimulatorError
├── SetupError      whoever starts it: another market, folder, port or clock
├── BrokenFolder    whoever starts it: the folder on disk is damaged
└── Refusal         the client: the sentence reaches it as a GraphQL error
```
"""

# Numerai's own words for a token that is wrong or missing.
NO_SESSION = "Your session is invalid or has expired."
# Numerai's own words while there is no round at all.
NO_ROUND = "Current round not open for submissions"


class SimulatorError(Exception):
    """Root of the tree."""


class SetupError(SimulatorError):
    """A market, folder, port or clock that cannot be had."""


class BrokenFolder(SimulatorError):
    """A folder whose files cannot be read any more."""


class Refusal(SimulatorError):
    """The tournament's «no» to a request."""


def not_simulated(what: str) -> Refusal:
    """Return the refusal of something that this tournament does not play."""
    return Refusal(f"not simulated: {what}. docs/simulator.md lists what is.")
