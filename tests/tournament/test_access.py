"""Whom to talk to and with which keys: every combination that is refused says why."""

import pytest

from numerai_pipeline.core import (
    NUMERAI_URL,
    ConfigError,
    TournamentRefused,
    TournamentSettings,
)
from numerai_pipeline.tournament import SIMULATED_KEYS, is_loopback
from numerai_pipeline.tournament.access import resolve_access

KEYS = {"NUMERAI_PUBLIC_ID": "PUB12345", "NUMERAI_SECRET_KEY": "SEC67890"}
REAL = TournamentSettings()
LOCAL = TournamentSettings(simulated=True, url="http://127.0.0.1:8321")


def test_the_default_is_numerai_with_the_keys_of_the_environment():
    access = resolve_access(REAL, KEYS)
    assert (access.url, access.host) == (NUMERAI_URL, "api-tournament.numer.ai")
    assert access.authorization() == "Token PUB12345$SEC67890"


def test_simulated_mode_never_reads_real_keys():
    access = resolve_access(LOCAL, KEYS)
    assert access.keys == SIMULATED_KEYS
    assert access.authorization() == "Token SIMULATED$SIMULATED"


@pytest.mark.parametrize(
    "url",
    [
        NUMERAI_URL,
        "http://10.0.0.1",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1.evil.example",
        "http://0.0.0.0:80",
    ],
)
def test_simulated_mode_refuses_everything_but_this_machine(url):
    with pytest.raises(ConfigError) as error:
        resolve_access(TournamentSettings(simulated=True, url=url), {})
    assert "[tournament] url in numerai.toml" in str(error.value)
    assert (
        "evil" not in url or "Write it" in str(error.value) or url in str(error.value)
    )


def test_the_refusal_says_what_to_do():
    with pytest.raises(ConfigError) as error:
        resolve_access(TournamentSettings(simulated=True), {})
    assert str(error.value) == (
        "[tournament] simulated is true, but [tournament] url in numerai.toml is "
        "https://api-tournament.numer.ai, which is not on this machine. Start "
        "`nai simulate` and set url to what it prints, or set simulated = false to "
        "talk to Numerai."
    )


def test_the_environment_overrides_the_url_and_is_named():
    environ = {
        "NUMERAI_API_URL": "https://elsewhere.example",
        "NUMERAI_TRUSTED_HOST": "elsewhere.example",
    }
    assert resolve_access(REAL, environ).host == "elsewhere.example"
    with pytest.raises(ConfigError, match="variable NUMERAI_API_URL is https://else"):
        resolve_access(LOCAL, environ)


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "https://127.0.0.1", "http://[::1]:9"]
)
def test_this_machine_without_simulated_mode_is_refused(url):
    with pytest.raises(ConfigError, match="Set simulated = true: your keys are then"):
        resolve_access(TournamentSettings(url=url), KEYS)


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example",
        "https://numer.ai",
        "https://api-tournament.numer.ai.elsewhere.example",
        "https://api-tournament.numer.ai.",
    ],
)
def test_keys_go_to_numerai_alone_unless_the_environment_trusts_another_host(url):
    settings = TournamentSettings(url=url)
    with pytest.raises(ConfigError, match=r"NUMERAI_TRUSTED_HOST=.* if you trust"):
        resolve_access(settings, KEYS)
    with pytest.raises(ConfigError, match="which is not Numerai"):
        resolve_access(settings, {**KEYS, "NUMERAI_TRUSTED_HOST": "another.example"})
    host = url.removeprefix("https://")
    access = resolve_access(settings, {**KEYS, "NUMERAI_TRUSTED_HOST": host.upper()})
    assert access.host == host


def test_keys_never_go_over_plain_http():
    settings = TournamentSettings(url="http://api-tournament.numer.ai")
    with pytest.raises(
        ConfigError, match=r"would send your keys unencrypted. Write https://"
    ):
        resolve_access(settings, KEYS)


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://127.0.0.1", "http://", "\udc80", "http://\udc80"]
)
def test_no_url_is_refused(url):
    with pytest.raises(ConfigError, match="Write it like https://api-tournament"):
        resolve_access(TournamentSettings(url=url), {})


def test_a_password_in_the_url_is_refused_without_printing_it():
    settings = TournamentSettings(url="https://me:hunter2@api-tournament.numer.ai")
    with pytest.raises(ConfigError, match="contains a user name") as error:
        resolve_access(settings, {})
    assert "hunter2" not in str(error.value)


def test_without_keys_what_needs_them_says_which_variables_to_export():
    with pytest.raises(ConfigError) as error:
        resolve_access(REAL, {}).authorization()
    for word in ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY", "export", "no .env file"):
        assert word in str(error.value)


@pytest.mark.parametrize("given", ["NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY"])
def test_half_a_pair_of_keys_names_the_missing_half(given):
    with pytest.raises(ConfigError, match=f"{given} is set but .* is not") as error:
        resolve_access(REAL, {given: "HALF1234"})
    assert "HALF1234" not in str(error.value)


@pytest.mark.parametrize("key", ["SEC 67890", "SEC\n67890", "SECé7890"])
def test_a_key_that_is_invalid_is_refused_without_printing_it(key):
    with pytest.raises(ConfigError, match="NUMERAI_SECRET_KEY contains char") as error:
        resolve_access(REAL, {**KEYS, "NUMERAI_SECRET_KEY": key})
    assert "SEC" not in str(error.value).replace("NUMERAI_SECRET_KEY", "")


def test_a_trailing_newline_of_a_key_is_dropped():
    environ = {**KEYS, "NUMERAI_SECRET_KEY": "SEC67890\n"}
    assert resolve_access(REAL, environ).authorization() == "Token PUB12345$SEC67890"


def test_the_keys_are_in_no_repr_and_echoes_of_them_are_struck():
    access = resolve_access(REAL, KEYS)
    assert "PUB12345" not in repr(access)
    assert "SEC67890" not in repr(access)
    assert access.clean("your key SEC67890 of pub12345") == "your key *** of ***"


def test_control_characters_of_a_server_do_not_reach_a_terminal():
    access = resolve_access(REAL, KEYS)
    assert access.clean("a\x1b[2J\r\nb\x00\u202e\ud800é") == (
        "a\\x1b[2J  b\\x00\\u202e\\ud800é"
    )


@pytest.mark.parametrize(
    ("settings", "url", "wanted"),
    [
        (LOCAL, "https://storage.example/x?signature=abc", "on this machine"),
        (REAL, "http://storage.example/x?signature=abc", "https"),
        (LOCAL, None, "on this machine"),
        (REAL, "nonsense", "https"),
    ],
)
def test_urls_in_answers_are_checked_too(settings, url, wanted):
    access = resolve_access(settings, KEYS)
    with pytest.raises(TournamentRefused, match=f"only a URL {wanted} is") as error:
        access.check_returned_url(url, purpose="the upload")
    assert "signature" not in str(error.value)


def test_urls_in_answers_that_may_be_followed():
    local, real = "http://localhost:5/x?s=1", "https://storage.example/x?s=1"
    assert resolve_access(LOCAL, {}).check_returned_url(local, purpose="x") == local
    assert resolve_access(REAL, {}).check_returned_url(real, purpose="x") == real


def test_loopback_is_decided_by_the_parser_that_sends():
    assert is_loopback("http://[::1]:80/x")
    assert is_loopback("http://127.9.9.9")
    assert not is_loopback("http://127.0.0.1\\@evil.example")
    assert not is_loopback("http://2130706433")
