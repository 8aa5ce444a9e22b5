"""Calls the webhook of a model, as Numerai does when a round has opened."""

import httpx

from numerai_pipeline.core import TournamentRefused
from numerai_pipeline.simulator.server.ids import new_id
from numerai_pipeline.simulator.server.refusals import not_simulated
from numerai_pipeline.tournament import is_loopback

# A webhook only has to say that it heard; the work comes after its answer.
TIMEOUT_SECONDS = 10.0


def trigger(url: str | None) -> str:
    """POST ``{"triggerId": ...}`` to a webhook on this machine.

    Returns:
        The trigger id, which the client sends along with its submission.

    Raises:
        TournamentRefused: if there is no webhook, it lies on another machine, or
            it does not answer 200 in time.
    """
    if not url:
        raise TournamentRefused("the model has no webhook: set one first.")
    if not is_loopback(url):
        raise not_simulated(f"calling {url}, which is not on this machine")
    trigger_id = new_id()
    try:
        answer = httpx.post(
            url,
            json={"triggerId": trigger_id},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TournamentRefused(f"the webhook {url} failed: {error}") from error
    if not answer.is_success:
        raise TournamentRefused(f"the webhook {url} answered {answer.status_code}.")
    return trigger_id
