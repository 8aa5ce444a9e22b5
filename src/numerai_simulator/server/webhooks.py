"""Calls the webhook of a model, as Numerai does when a round has opened."""

from ipaddress import ip_address

import httpx

from numerai_simulator.errors import Refusal, not_simulated
from numerai_simulator.server.ids import new_id

# A webhook only has to say that it heard; the work comes after its answer.
TIMEOUT_SECONDS = 10.0


def trigger(url: str | None) -> str:
    """POST ``{"triggerId": ...}`` to a webhook on this machine.

    Returns:
        The trigger id, which the client sends along with its submission.

    Raises:
        Refusal: if there is no webhook, it lies on another machine, or
            it does not answer 200 in time.
    """
    if not url:
        raise Refusal("the model has no webhook: set one first.")
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
        raise Refusal(f"the webhook {url} failed: {error}") from error
    if not answer.is_success:
        raise Refusal(f"the webhook {url} answered {answer.status_code}.")
    return trigger_id


def is_loopback(url: str) -> bool:
    """Return whether a URL stays on this machine.

    >>> is_loopback("http://127.0.0.1:8000/x"), is_loopback("https://numer.ai")
    (True, False)
    >>> is_loopback("http://127.0.0.1@evil.example"), is_loopback("nonsense")
    (False, False)
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    if parsed.scheme not in ("http", "https"):
        return False
    if parsed.host == "localhost":
        return True
    try:
        return ip_address(parsed.host).is_loopback
    except ValueError:
        return False
