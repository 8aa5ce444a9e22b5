"""The keys never print: not in logs, reprs, errors, or what errors carry along.

Real keys go to https only, and the test server has no https, so the client is
assembled by hand around the scripted server.
"""

import logging
import traceback
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from numerai_pipeline.core import PipelineError, TournamentSettings
from numerai_pipeline.tournament import connect
from numerai_pipeline.tournament.access import resolve_access
from numerai_pipeline.tournament.graphql import GraphQLClient
from numerai_pipeline.tournament.numerai import NumeraiTournament

CLOSES = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
KEYS = {
    "NUMERAI_PUBLIC_ID": "FAKEPUBLICFAKEPUBLIC",
    "NUMERAI_SECRET_KEY": "FAKESECRETFAKESECRET",
}


@pytest.fixture
def keyed(scripted_server, clock):
    access = replace(
        resolve_access(TournamentSettings(), KEYS), url=scripted_server.url
    )
    graphql = GraphQLClient(access, clock, timeout_seconds=0.3, deadline_seconds=5)
    return NumeraiTournament(graphql, trigger_id=None)


def everything_about(error):
    """All that a log or a crash report could show of an exception."""
    seen, texts = set(), []
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        texts += [str(error), repr(error), *traceback.format_exception(error)]
        texts += [repr(value) for value in vars(error).values()]
        texts += [repr(getattr(getattr(error, "_request", None), "headers", ""))]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@pytest.mark.parametrize(
    "fault",
    ["echo_headers", "html", "reset", "hang", "forbidden", "busy", "unknown"],
)
@pytest.mark.slow
def test_no_fault_prints_a_key(keyed, scripted_server, caplog, fault):
    make = {
        "forbidden": lambda: scripted_server.status(403),
        "busy": lambda: scripted_server.status(503),
        "unknown": lambda: scripted_server.json({"data": {"account": 5}}),
    }.get(fault) or getattr(scripted_server, fault)
    scripted_server.on("models", *[make()] * 50)
    with caplog.at_level(logging.DEBUG), pytest.raises(PipelineError) as error:
        keyed.models()
    sent = scripted_server.asked("models")[0].headers["authorization"]
    assert sent == "Token FAKEPUBLICFAKEPUBLIC$FAKESECRETFAKESECRET"
    shown = everything_about(error.value) + caplog.text + repr(keyed)
    shown += (
        repr(vars(keyed)) + repr(vars(keyed._graphql)) + repr(keyed._graphql.access)
    )
    assert "FAKE" not in shown


def test_simulated_mode_sends_no_real_key(
    scripted_server, clock, monkeypatch, tmp_path
):
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    lines = [f"{name}={key}\n" for name, key in KEYS.items()]
    (tmp_path / ".env").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    tournament = connect(scripted_server.settings(), clock=clock, environ=KEYS)
    tournament.models()
    tournament.scores("id-alpha")
    tournament.submit("id-alpha", tournament.upload("id-alpha", "p", b"x"), CLOSES)
    assert all("FAKE" not in str(request) for request in scripted_server.requests)


def test_the_client_leaves_the_root_logger_alone(tournament, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])  # as in a program, without pytest's
    tournament.models()
    assert root.handlers == []
    assert root.level == logging.WARNING


@pytest.mark.parametrize("padding", [*range(56, 82, 2), 4_096])
def test_half_a_key_is_not_printed_either(keyed, scripted_server, padding):
    """An excerpt is cut to its size after the keys were struck out."""
    page = b"x" * padding + b" FAKESECRETFAKESECRET FAKEPUBLICFAKEPUBLIC"
    scripted_server.on("models", *[scripted_server.status(200, page)] * 50)
    with pytest.raises(PipelineError) as error:
        keyed.models()
    assert "FAKE" not in everything_about(error.value)
    assert "KESEC" not in everything_about(error.value)


def test_names_and_texts_of_a_server_are_struck_and_escaped(keyed, scripted_server):
    evil = "\x1b]0;owned\x07FakeSecretFakeSecret\u202e"
    scripted_server.models = {evil: evil}
    shown = "".join(f"{k}{v}" for k, v in keyed.models().items())
    scripted_server.on(
        "files", scripted_server.json({"data": {"listDatasets": [evil]}})
    )
    shown += "".join(keyed.list_files())
    listed = {"id": evil, "filename": evil, "insertedAt": "2026-11-24T12:06:00Z"}
    answer = {"data": {"submissions": [listed], "model": {"submissions": []}}}
    scripted_server.on("submissions", scripted_server.json(answer))
    shown += repr(keyed.submissions("id-alpha"))
    listed["insertedAt"] = evil
    scripted_server.on("submissions", scripted_server.json(answer))
    with pytest.raises(PipelineError) as error:
        keyed.submissions("id-alpha")
    shown += everything_about(error.value)
    scripted_server.on("rounds", *[scripted_server.errors(evil)] * 99)
    with pytest.raises(PipelineError) as error:
        keyed.current_round()
    shown += everything_about(error.value)
    assert "fakesecret" not in shown.lower()
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
