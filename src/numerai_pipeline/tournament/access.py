"""The URL and the API keys of the tournament, checked before anything is sent.

Real keys are sent only to Numerai's host, or to one that the environment trusts, and
only over ``https``. In simulated mode they are not read at all, and requests never
leave this machine.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address

import httpx

from numerai_pipeline.core import (
    NUMERAI_URL,
    ConfigError,
    TournamentRefused,
    TournamentSettings,
    printable,
)

URL_VARIABLE = "NUMERAI_API_URL"
PUBLIC_ID_VARIABLE = "NUMERAI_PUBLIC_ID"
SECRET_KEY_VARIABLE = "NUMERAI_SECRET_KEY"  # noqa: S105 - the name, not the key
# Set in the environment only: a numerai.toml may come from somebody else.
TRUSTED_HOST_VARIABLE = "NUMERAI_TRUSTED_HOST"

# Public id and secret that the simulator accepts.
SIMULATED_KEYS = ("SIMULATED", "SIMULATED")


@cache
def tls_context() -> ssl.SSLContext:
    """Return what servers are verified by; to read it takes 20 ms of each client."""
    return httpx.create_ssl_context()


@dataclass(frozen=True)
class Access:
    """A checked URL and the keys that may be sent to it; the repr omits the keys.

    Attributes:
        url: of the API.
        host: name of the host, the same for all loopback addresses; identifies the
            tournament in the ledger.
        is_simulated: whether the API is a simulator on this machine.
        keys: public id and secret.
    """

    url: str
    host: str
    is_simulated: bool
    keys: tuple[str, str] | None = field(repr=False)

    def authorization(self) -> str:
        """Return the value of the ``Authorization`` header.

        Raises:
            ConfigError: if the keys are not set.
        """
        if self.keys is None:
            raise ConfigError(
                f"This needs your Numerai keys, but {PUBLIC_ID_VARIABLE} and "
                f"{SECRET_KEY_VARIABLE} are not set. Make a key at numer.ai under "
                "Account > API keys and export both variables; no .env file is read."
            )
        return "Token {}${}".format(*self.keys)

    @property
    def address(self) -> str:
        """Host and port; unlike the host, different for two servers on one machine."""
        return httpx.URL(self.url).netloc.decode()

    @property
    def origin(self) -> str:
        """The URL up to the host; its path could contain a secret."""
        return f"{httpx.URL(self.url).scheme}://{self.address}"

    def clean(self, text: str) -> str:
        """Return a server's text without the keys and without control characters.

        A server may echo what it was sent, and control characters can rewrite the
        text in a terminal.
        """
        for key in () if self.is_simulated else self.keys or ():
            text = re.sub(re.escape(key), "***", text, flags=re.IGNORECASE)
        return printable(text)

    def check_returned_url(self, url: object, *, purpose: str) -> str:
        """Return a URL from a response of the tournament if it is safe to use.

        Args:
            url: the value in the response.
            purpose: what the URL is for, for the error.

        Raises:
            TournamentRefused: if it leaves this machine in simulated mode, or is
                not ``https`` in real mode. Only scheme and host are shown, since the
                rest of such a URL is a signature.
        """
        parsed = _parse(url) if isinstance(url, str) else None
        if parsed is not None and self.is_simulated and is_loopback(str(url)):
            return str(url)
        if parsed is not None and not self.is_simulated and parsed.scheme == "https":
            return str(url)
        found = f"{parsed.scheme}://{parsed.host}" if parsed else "an invalid URL"
        wanted = "on this machine" if self.is_simulated else "https"
        raise TournamentRefused(
            f"{self.host} gave {found} for {purpose}, but only a URL {wanted} is "
            "followed. Nothing was sent there; check [tournament] url in numerai.toml."
        )


def is_loopback(url: str) -> bool:
    """Return whether a URL is on this machine.

    >>> is_loopback("http://127.0.0.1:8000/x"), is_loopback("https://numer.ai")
    (True, False)
    >>> is_loopback("http://127.0.0.1@evil.example"), is_loopback("nonsense")
    (False, False)
    """
    parsed = _parse(url)
    if parsed is None:
        return False
    if parsed.host == "localhost":
        return True
    try:
        return ip_address(parsed.host).is_loopback
    except ValueError:
        return False


def resolve_access(settings: TournamentSettings, environ: Mapping[str, str]) -> Access:
    """Return the URL and the keys that the settings and the environment select.

    Raises:
        ConfigError: if URL, mode and keys are inconsistent.
    """
    url = environ.get(URL_VARIABLE) or settings.url
    source = (
        f"the environment variable {URL_VARIABLE}"
        if environ.get(URL_VARIABLE)
        else "[tournament] url in numerai.toml"
    )
    parsed = _parse(url)
    if parsed is None or parsed.userinfo:
        found = "contains a user name" if parsed else "is not an http or https URL"
        raise ConfigError(
            f"{source} {found}. Write it like https://api-tournament.numer.ai."
        )
    # The path may contain a key that was put there by mistake.
    shown = f"{parsed.scheme}://{parsed.host}"
    if settings.simulated:
        if not is_loopback(url):
            raise ConfigError(
                f"[tournament] simulated is true, but {source} is {shown}, "
                "which is not on this machine. Start `nai simulate` and set url to "
                "what it prints, or set simulated = false to talk to Numerai."
            )
        return Access(url, "127.0.0.1", is_simulated=True, keys=SIMULATED_KEYS)
    if is_loopback(url):
        raise ConfigError(
            f"{source} is {shown}, which is on this machine, but "
            "[tournament] simulated is false. Set simulated = true: your keys are "
            "then not read at all."
        )
    if parsed.scheme != "https":
        raise ConfigError(
            f"{source} is {shown}, which would send your keys unencrypted. "
            f"Write https://{parsed.host}."
        )
    trusted = environ.get(TRUSTED_HOST_VARIABLE, "").strip().lower()
    if parsed.host not in (httpx.URL(NUMERAI_URL).host, trusted):
        raise ConfigError(
            f"{source} is {shown}, which is not Numerai: your keys go to {NUMERAI_URL} "
            "only. Correct the URL, or export "
            f"{TRUSTED_HOST_VARIABLE}={parsed.host} if you trust that host with them."
        )
    return Access(url, parsed.host, is_simulated=False, keys=_keys(environ))


def _parse(url: str) -> httpx.URL | None:
    # Checked by the parser that also sends: two parsers could disagree.
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        return None
    return parsed if parsed.scheme in ("http", "https") and parsed.host else None


def _keys(environ: Mapping[str, str]) -> tuple[str, str] | None:
    names = (PUBLIC_ID_VARIABLE, SECRET_KEY_VARIABLE)
    public_id, secret_key = (environ.get(name, "").strip() for name in names)
    if not public_id and not secret_key:
        return None
    for name, key in zip(names, (public_id, secret_key), strict=True):
        if not key:
            other = names[1] if name == names[0] else names[0]
            raise ConfigError(f"{other} is set but {name} is not. Export both.")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ConfigError(
                f"{name} contains characters that no key has, such as a space. "
                "Copy it again from numer.ai, Account > API keys."
            )
    return public_id, secret_key
