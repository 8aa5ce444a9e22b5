"""The tournament over real sockets: proper answers, and every fault of the facts."""

import gzip
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from numerai_pipeline.core import (
    ConfigError,
    SystemClock,
    TournamentBusy,
    TournamentRefused,
    TournamentSettings,
    VirtualClock,
)
from numerai_pipeline.tournament import (
    NoOpenRound,
    Round,
    RoundScore,
    Submission,
    connect,
)

CLOSES = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
NO_SUBMISSIONS = {"data": {"submissions": [], "model": {"submissions": []}}}
CSV = b"id,prediction\nn000000000000001,0.5\n"


def test_the_open_round(tournament):
    assert tournament.current_round() == Round(
        number=1000,
        opens=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
        closes=datetime(2026, 11, 24, 13, 0, tzinfo=UTC),
        resolves=datetime(2026, 12, 25, 20, 0, tzinfo=UTC),
    )


def test_models_files_and_scores(tournament, scripted_server):
    scripted_server.serve("v5.3/live.parquet", b"x")
    day = {"roundNumber": 999, "displayName": "corr20", "percentile": None}
    scripted_server.scores = [
        {**day, "day": 2, "value": 0.02, "resolved": False},
        {**day, "day": 1, "value": None, "resolved": False},
        {**day, "day": 1, "value": 0.01, "resolved": True, "percentile": 0.7},
    ]
    assert tournament.host == "127.0.0.1"
    assert tournament.models() == {"alpha": "id-alpha", "beta": "id-beta"}
    assert tournament.list_files() == ["v5.3/live.parquet"]
    url = tournament.file_url("v5.3/live.parquet")
    assert url == f"{scripted_server.url}/data/v5.3/live.parquet"
    assert tournament.scores("id-alpha") == [
        RoundScore(999, 1, "corr20", 0.01, 0.7, True),
        RoundScore(999, 2, "corr20", 0.02, None, False),
    ]


def test_the_round_of_a_file_is_asked_for(tournament, scripted_server):
    scripted_server.serve("v5.3/live.parquet", b"x")
    tournament.file_url("v5.3/live.parquet", 998)
    assert b'"round":998' in scripted_server.asked("file_url")[0].body


def test_an_upload_and_its_submission(tournament, scripted_server):
    name = tournament.upload("id-alpha", "predictions.csv", CSV)
    assert scripted_server.uploads == {name: CSV}
    submission = tournament.submit("id-alpha", name, CLOSES)
    assert submission == Submission(
        id="submission-1",
        filename=name,
        round_number=1000,
        inserted_at=datetime(2026, 11, 24, 12, 6, tzinfo=UTC),
        is_selected=True,
    )
    assert tournament.submissions("id-alpha") == [submission]
    assert tournament.submissions("id-beta") == []


def test_only_what_needs_them_carries_the_keys(tournament, scripted_server):
    tournament.current_round()
    tournament.models()
    name = tournament.upload("id-alpha", "p.csv", CSV)
    tournament.submit("id-alpha", name, CLOSES)
    with_keys = {
        request.kind
        for request in scripted_server.requests
        if request.headers.get("authorization") == "Token SIMULATED$SIMULATED"
    }
    assert with_keys == {"models", "slot", "create", "submissions"}
    (put,) = scripted_server.asked("put")
    assert "authorization" not in put.headers
    assert "content-type" not in put.headers


def test_the_trigger_of_a_webhook_is_sent_back(scripted_server, clock):
    environ = {"TRIGGER_ID": "trigger-7"}
    tournament = connect(scripted_server.settings(), clock=clock, environ=environ)
    tournament.submit("id-alpha", tournament.upload("id-alpha", "p.csv", CSV), CLOSES)
    assert scripted_server.submissions[0]["trigger"] == "trigger-7"


def test_a_proxy_is_not_asked_for_this_machine(scripted_server, clock, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    tournament = connect(scripted_server.settings(), clock=clock, environ={})
    assert tournament.current_round().number == 1000


# What numerapi does under faults, and what is done instead.


@pytest.mark.parametrize("n_failures", [1, 5])
def test_5xx_is_tried_again(tournament, scripted_server, n_failures):
    scripted_server.on("rounds", *[scripted_server.status(503)] * n_failures)
    assert tournament.current_round().number == 1000


def test_5xx_for_ever_is_busy_and_says_how_often(tournament, scripted_server):
    scripted_server.on("models", *[scripted_server.status(500)] * 999)
    with pytest.raises(TournamentBusy) as error:
        tournament.models()
    n_tries = len(scripted_server.asked("models"))
    assert n_tries > 3
    assert f"Tried {n_tries} times" in str(error.value)
    assert str(error.value).endswith("the last time: HTTP 500.")
    assert "Check that `nai simulate` runs there, then rerun." in str(error.value)


@pytest.mark.slow
def test_a_reset_a_hang_and_a_page_are_tried_again(tournament, scripted_server):
    scripted_server.on(
        "models",
        scripted_server.reset(),
        scripted_server.hang(),
        scripted_server.html(),
        scripted_server.json([1]),
        scripted_server.json({"data": None}),
        scripted_server.cut(5),
    )
    assert tournament.models() == {"alpha": "id-alpha", "beta": "id-beta"}
    assert len(scripted_server.asked("models")) == 7


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("reset", "ReadError"),
        ("hang", "ReadTimeout"),
        ("html", "a response that is not GraphQL: '<!DOCTYPE html><html><body>Back"),
    ],
)
@pytest.mark.slow
def test_the_last_cause_is_named(scripted_server, clock, fault, cause):
    settings = scripted_server.settings(deadline_seconds=0.001)
    scripted_server.on("rounds", getattr(scripted_server, fault)())
    with pytest.raises(TournamentBusy, match="Tried once: ") as error:
        connect(settings, clock=clock, environ={}).current_round()
    assert cause in str(error.value)


def test_a_server_that_is_not_there_is_busy(scripted_server, clock):
    settings = scripted_server.settings(deadline_seconds=10)
    scripted_server.close()
    with pytest.raises(TournamentBusy, match=r"ConnectError .*refused"):
        connect(settings, clock=clock, environ={}).list_files()


def test_an_answer_that_drips_ends_at_the_deadline(scripted_server):
    # Each byte comes before the timeout, so that only the deadline ends it.
    scripted_server.drips_seconds = 0.1
    settings = scripted_server.settings(deadline_seconds=0.5)
    with pytest.raises(TournamentBusy, match="a response that did not end in time"):
        connect(settings, clock=SystemClock(), environ={}).current_round()


@pytest.mark.slow
def test_an_answer_that_drips_is_asked_for_again_on_another_connection(
    scripted_server,
):
    def drips(_request, proper):
        scripted_server.drips_seconds = 0.1
        return proper()

    def flows(_request, proper):
        scripted_server.drips_seconds = None
        return proper()

    scripted_server.on("rounds", drips, flows)
    settings = scripted_server.settings(deadline_seconds=30)
    tournament = connect(settings, clock=SystemClock(), environ={})
    assert tournament.current_round().number == 1000
    assert len(scripted_server.requests) == 2


def test_an_answer_without_an_end_is_not_read_into_memory(tournament, scripted_server):
    long = scripted_server.status(200, b" " * (65 << 20))
    scripted_server.on("models", long)
    assert tournament.models() == {"alpha": "id-alpha", "beta": "id-beta"}
    assert len(scripted_server.asked("models")) == 2


def test_a_compressed_answer_is_not_unpacked(scripted_server, clock):
    body = gzip.compress(b'{"data": ' + b" " * (16 << 20) + b"}")

    def compressed(answer):
        return replace(answer, body=body, headers={"Content-Encoding": "gzip"})

    scripted_server.on("models", *[scripted_server.altered(compressed)] * 99)
    settings = scripted_server.settings(deadline_seconds=5)
    tournament = connect(settings, clock=clock, environ={})
    tracemalloc.start()
    with pytest.raises(
        TournamentBusy, match="a compressed response, which was not reque"
    ):
        tournament.models()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    asked = scripted_server.asked("models")[0].headers
    assert asked["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "number", [-1, 0, 2**31, 10**30, 1e300, float("inf"), float("nan"), "x", None, []]
)
def test_a_round_with_an_absurd_number_is_refused(tournament, scripted_server, number):
    scripted_server.rounds[0]["number"] = number
    with pytest.raises(TournamentRefused, match="returned the round in a format"):
        tournament.current_round()


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:00", "soon", 7, "", "2026-13-01T00:00:00Z"]
)
def test_an_absurd_moment_is_refused(tournament, scripted_server, moment):
    scripted_server.rounds[0]["openTime"] = moment
    with pytest.raises(TournamentRefused, match="returned the round in a format"):
        tournament.current_round()


def test_429_waits_as_long_as_asked(tournament, scripted_server, clock):
    start = clock.now()
    scripted_server.on("rounds", scripted_server.status(429, retry_after="40"))
    tournament.current_round()
    assert clock.now() - start == timedelta(seconds=40)


def test_429_with_a_wait_past_the_deadline_is_busy(tournament, scripted_server, clock):
    start = clock.now()
    scripted_server.on("rounds", scripted_server.status(429, retry_after="900"))
    with pytest.raises(TournamentBusy, match=r"HTTP 429 \(Retry-After: 900 s\)"):
        tournament.current_round()
    assert clock.now() == start


def test_a_graphql_error_is_refused_with_its_message(tournament, scripted_server):
    scripted_server.on("models", scripted_server.errors("Invalid token.", "Go away"))
    with pytest.raises(TournamentRefused) as error:
        tournament.models()
    assert str(error.value) == (
        "127.0.0.1 refused: Invalid token; Go away. Fix what it names, then rerun; "
        "if it is an error of the server, rerun later."
    )
    assert len(scripted_server.asked("models")) == 1


def test_the_message_of_a_400_is_kept(tournament, scripted_server):
    body = b'{"errors": {"detail": "model is not yours"}}'
    scripted_server.on("models", scripted_server.status(400, body))
    with pytest.raises(TournamentRefused, match="refused: model is not yours"):
        tournament.models()


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, r"Check \[tournament\] url"),
        (401, "Check that NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY are a"),
        (403, "Check that NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY are a"),
        (404, r"Check \[tournament\] url"),
        (301, r"Check \[tournament\] url"),
    ],
)
def test_4xx_is_refused_at_once(tournament, scripted_server, status, advice):
    scripted_server.on("models", scripted_server.html(status))
    with pytest.raises(TournamentRefused, match=f"HTTP {status}. {advice}"):
        tournament.models()
    assert len(scripted_server.asked("models")) == 1


def test_a_redirect_is_not_followed(tournament, scripted_server):
    scripted_server.on(
        "models", scripted_server.status(302, location="http://127.0.0.1:1/")
    )
    with pytest.raises(TournamentRefused, match="HTTP 302"):
        tournament.models()


def test_an_answer_of_unknown_shape_is_refused(tournament, scripted_server):
    scripted_server.on("models", scripted_server.json({"data": {"account": None}}))
    with pytest.raises(
        TournamentRefused, match=r"returned the list of models in a format .* Update"
    ):
        tournament.models()


# No round is open.


@pytest.mark.parametrize("rounds", [[], [None]])
def test_no_rounds_means_none_is_open(tournament, scripted_server, rounds):
    scripted_server.rounds = rounds
    with pytest.raises(TournamentRefused, match=r"No round is open: .* lists none. R"):
        tournament.current_round()


def test_the_documented_error_means_none_is_open(tournament, scripted_server):
    scripted_server.on(
        "rounds", scripted_server.errors("Current round not open for submissions")
    )
    with pytest.raises(TournamentRefused, match=r"No round is open: .* Rerun when the"):
        tournament.current_round()


@pytest.mark.parametrize(
    "text",
    [
        "could not open connection to database",
        "Current round not open for submissions to this shard, try again",
        "current round not open",
        "Unknown argument",
    ],
)
def test_another_error_is_not_taken_for_a_closed_round(
    tournament, scripted_server, text
):
    scripted_server.on("rounds", scripted_server.errors(text))
    assert tournament.current_round().number == 1000
    scripted_server.on("rounds", *[scripted_server.errors(text)] * 999)
    with pytest.raises(TournamentBusy, match=f"the last time: the error '{text}'"):
        tournament.current_round()


def test_the_documented_error_beside_another_one_does_not_close_a_round(
    tournament, scripted_server
):
    both = scripted_server.errors("Current round not open for submissions", "Timeout")
    scripted_server.on("rounds", both)
    assert tournament.current_round().number == 1000


def test_a_round_is_found_by_its_number(tournament, scripted_server):
    scripted_server.rounds.append({**scripted_server.rounds[0], "number": 999})
    assert tournament.find_round(999).number == 999
    assert tournament.find_round(998) is None


def test_the_tournaments_clock_decides_not_the_machines(scripted_server):
    of_the_machine = VirtualClock(datetime(2031, 1, 1, tzinfo=UTC))
    tournament = connect(scripted_server.settings(), clock=of_the_machine, environ={})
    assert tournament.current_round().number == 1000
    scripted_server.clock.move_to(datetime(2026, 11, 24, 13, 0, tzinfo=UTC))
    with pytest.raises(TournamentRefused, match="closed at 2026-11-24T13:00:00Z"):
        tournament.current_round()


@pytest.mark.parametrize(
    ("date", "is_open"),
    [
        ("Tue, 24 Nov 2026 12:59:59 -0000", True),
        ("Tue, 24 Nov 2026 13:00:00 -0000", False),
        ("Tue, 24 Nov 2026 14:59:59 +0200", True),
        ("yesterday", True),  # no date: the machine's clock, 12:05, decides
        ("Tue, 24 Nov 9999 23:59:59 GMT", True),
        ("Tue, 24 Nov 99999 12:00:00 GMT", True),
        ("Tue, 24 Nov 2026 12:00:00 +99999999999", True),
        ("", True),
    ],
)
def test_the_date_of_an_answer_in_all_its_forms(
    tournament, scripted_server, date, is_open
):
    scripted_server.date = date
    if is_open:
        assert tournament.current_round().number == 1000
    else:
        with pytest.raises(TournamentRefused, match="closed at 2026-11-24T13:00:00Z"):
            tournament.current_round()


def test_a_window_that_is_over_by_the_clock(tournament, clock):
    clock.move_to(datetime(2026, 11, 24, 13, 0, tzinfo=UTC))
    with pytest.raises(TournamentRefused) as error:
        tournament.current_round()
    assert str(error.value).startswith(
        "No round is open: round 1000 closed at 2026-11-24T13:00:00Z, and it is "
        "2026-11-24T13:00:00Z. Rerun when the next round is open"
    )


def test_a_window_that_is_still_to_come(tournament, scripted_server):
    scripted_server.rounds[0]["openTime"] = "2026-11-24T12:30:00Z"
    with pytest.raises(TournamentRefused, match=r"round 1000 opens at .*12:30:00Z"):
        tournament.current_round()


def test_a_round_without_a_window_is_refused(tournament, scripted_server):
    scripted_server.rounds[0]["openTime"] = None
    with pytest.raises(TournamentRefused, match="round 1000 has no window"):
        tournament.current_round()


# Files and uploads.


def test_a_file_that_does_not_exist_names_the_nearest(tournament, scripted_server):
    scripted_server.serve("v5.3/train.parquet", b"x")
    with pytest.raises(TournamentRefused, match=r"no file 'v5.3/trian.parquet'. Did"):
        tournament.file_url("v5.3/trian.parquet")
    with pytest.raises(
        TournamentRefused, match=r"no file 'x'. It has v5.3/train.parquet."
    ):
        tournament.file_url("x")


def test_an_answered_url_must_stay_on_this_machine(tournament, scripted_server):
    scripted_server.serve("v5.3/x.json", b"{}")
    scripted_server.file_base = "https://files.example"
    scripted_server.upload_base = "https://uploads.example"
    with pytest.raises(TournamentRefused, match=r"gave https://files.example for"):
        tournament.file_url("v5.3/x.json")
    with pytest.raises(TournamentRefused, match=r"gave https://uploads.example for"):
        tournament.upload("id-alpha", "p.csv", CSV)


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.slow
def test_a_failed_upload_is_done_again_in_a_new_slot(
    tournament, scripted_server, status
):
    scripted_server.on("put", scripted_server.status(status), scripted_server.hang())
    name = tournament.upload("id-alpha", "p.csv", CSV)
    assert scripted_server.uploads == {name: CSV}
    paths = [request.path for request in scripted_server.asked("put")]
    assert len(set(paths)) == 3


def test_an_upload_that_never_works_is_an_error(tournament, scripted_server):
    scripted_server.on("put", *[scripted_server.status(403)] * 999)
    with pytest.raises(TournamentBusy, match="HTTP 403 for the upload"):
        tournament.upload("id-alpha", "p.csv", CSV)
    assert scripted_server.submissions == []


# Submitting at most once.


@pytest.fixture
def uploaded(tournament):
    return tournament.upload("id-alpha", "p.csv", CSV)


@pytest.mark.parametrize("how", ["lost", "reset after", "page after"])
def test_a_lost_answer_does_not_submit_twice(
    tournament, scripted_server, uploaded, how
):
    def executed_then_reset(request, proper):
        proper()
        return scripted_server.reset()(request, proper)

    def executed_then_page(request, proper):
        proper()
        return scripted_server.html()(request, proper)

    fault = {
        "lost": scripted_server.lost(503),
        "reset after": executed_then_reset,
        "page after": executed_then_page,
    }[how]
    scripted_server.on("create", fault)
    assert tournament.submit("id-alpha", uploaded, CLOSES).id == "submission-1"
    assert len(scripted_server.submissions) == 1
    assert len(scripted_server.asked("create")) == 1


def test_a_create_that_did_not_arrive_is_sent_again_after_half_a_minute(
    scripted_server, clock, uploaded
):
    tournament = connect(
        scripted_server.settings(deadline_seconds=600), clock=clock, environ={}
    )
    sent = []

    def lost(_request, _proper):
        sent.append(clock.now())
        return scripted_server.status(503)(_request, _proper)

    scripted_server.on("create", lost, lost)
    tournament.submit("id-alpha", uploaded, CLOSES)
    assert len(scripted_server.submissions) == 1
    assert (sent[1] - sent[0]).total_seconds() >= 30
    kinds = [r.kind for r in scripted_server.requests if r.kind not in ("slot", "put")]
    looks = "".join("c" if kind == "create" else "." for kind in kinds).split("c")
    assert [len(look) > 1 for look in looks] == [False, True, True, False]


@pytest.mark.parametrize("lag_seconds", [3, 29])
@pytest.mark.parametrize(
    "answer",
    ["lost", "errors", "data and errors", "null", "no data", "redirect", "forbidden"],
)
def test_a_create_that_was_executed_is_found_whatever_was_answered(
    scripted_server, clock, uploaded, answer, lag_seconds
):
    tournament = connect(
        scripted_server.settings(deadline_seconds=600), clock=clock, environ={}
    )
    body = {
        "errors": {"errors": [{"message": "internal error"}]},
        "data and errors": {
            "data": {"create_submission": {"id": "submission-1"}},
            "errors": [{"message": "could not notify"}],
        },
        "null": {"data": {"create_submission": None}},
        "no data": {"data": None},
    }
    instead = {
        "lost": scripted_server.status(503),
        "redirect": scripted_server.status(302, location="https://elsewhere.example/"),
        "forbidden": scripted_server.status(403),
    }.get(answer) or scripted_server.json(body[answer])

    def executed(request, proper):
        proper()
        shown_at.append(clock.now().timestamp() + lag_seconds)
        return instead(request, proper)

    def lagging(_request, proper):
        if shown_at and clock.now().timestamp() < shown_at[0]:
            return scripted_server.json(NO_SUBMISSIONS)(_request, proper)
        return proper()

    shown_at = []
    scripted_server.on("create", executed)
    scripted_server.on("submissions", *[lagging] * 99)
    found = tournament.submit("id-alpha", uploaded, CLOSES)
    assert found.id == "submission-1"
    assert len(scripted_server.asked("create")) == 1


def test_an_upload_that_ends_after_the_close_creates_nothing(
    tournament, scripted_server, clock, uploaded
):
    clock.move_to(CLOSES)
    with pytest.raises(NoOpenRound, match="closed at 2026-11-24T13:00:00Z, and it is "):
        tournament.submit("id-alpha", uploaded, CLOSES)
    assert scripted_server.asked("create") == []


def test_what_is_submitted_already_is_not_created(
    tournament, scripted_server, uploaded
):
    first = tournament.submit("id-alpha", uploaded, CLOSES)
    assert tournament.submit("id-alpha", uploaded, CLOSES) == first
    assert len(scripted_server.asked("create")) == 1


def test_a_refused_create_is_refused_once_it_is_not_listed_for_half_a_minute(
    scripted_server, clock, uploaded
):
    tournament = connect(
        scripted_server.settings(deadline_seconds=600), clock=clock, environ={}
    )
    start = clock.now()
    scripted_server.on("create", scripted_server.errors("round is closed"))
    with pytest.raises(TournamentRefused, match="refused: round is closed"):
        tournament.submit("id-alpha", uploaded, CLOSES)
    assert (clock.now() - start).total_seconds() >= 30
    assert len(scripted_server.asked("create")) == 1
    assert len(scripted_server.asked("submissions")) > 3


def test_a_refusal_that_cannot_be_looked_into_is_busy(
    tournament, scripted_server, uploaded
):
    scripted_server.on("create", scripted_server.errors("round is closed"))
    scripted_server.on("submissions", scripted_server.proper())
    scripted_server.on("submissions", *[scripted_server.errors("away")] * 999)
    with pytest.raises(TournamentBusy, match="the submissions could not be read"):
        tournament.submit("id-alpha", uploaded, CLOSES)
    assert len(scripted_server.asked("create")) == 1


def test_a_submission_of_another_round_is_returned_as_it_was_filed(
    tournament, scripted_server, uploaded
):
    scripted_server.rounds[0]["number"] = 1001
    assert tournament.submit("id-alpha", uploaded, CLOSES).round_number == 1001


def test_a_submission_is_waited_for_until_it_is_selected(
    tournament, scripted_server, uploaded
):
    def unselected(_request, proper):
        answer = proper()
        scripted_server.submissions[0]["selected"] = False
        return answer

    def selecting(_request, proper):
        scripted_server.submissions[0]["selected"] = True
        return proper()

    scripted_server.on("create", unselected)
    looks = [scripted_server.proper()] * 3
    scripted_server.on("submissions", *looks, selecting)
    assert tournament.submit("id-alpha", uploaded, CLOSES).is_selected


def test_what_is_looked_for_must_be_absent_for_as_long_as_asked(
    tournament, scripted_server, clock, uploaded
):
    start = clock.now()
    found = tournament.find_submission("id-alpha", uploaded=uploaded, seconds=60)
    assert found is None
    assert (clock.now() - start).total_seconds() == 60
    assert len(scripted_server.asked("submissions")) == 7
    tournament.submit("id-alpha", uploaded, CLOSES)
    scripted_server.on("submissions", *[scripted_server.json(NO_SUBMISSIONS)] * 5)
    found = tournament.find_submission("id-alpha", uploaded=uploaded, seconds=60)
    assert found.id == "submission-1"


def test_one_upload_that_is_listed_twice_is_selected_once(
    tournament, scripted_server, uploaded
):
    tournament.submit("id-alpha", uploaded, CLOSES)
    older = {**scripted_server.submissions[0], "selected": False}
    scripted_server.submissions.append(older)
    assert all(s.is_selected for s in tournament.submissions("id-alpha"))


def test_a_submission_that_is_listed_late_is_waited_for(
    tournament, scripted_server, uploaded
):
    scripted_server.on("submissions", *[scripted_server.json(NO_SUBMISSIONS)] * 4)
    tournament.submit("id-alpha", uploaded, CLOSES)
    assert len(scripted_server.asked("create")) == 1


def test_a_submission_that_is_never_listed_is_busy(
    tournament, scripted_server, uploaded
):
    scripted_server.on("submissions", *[scripted_server.json(NO_SUBMISSIONS)] * 999)
    with pytest.raises(TournamentBusy, match="submission-1 was accepted but is not li"):
        tournament.submit("id-alpha", uploaded, CLOSES)
    assert len(scripted_server.asked("create")) == 1


def test_a_submission_listed_under_another_name_is_found_by_its_id(
    tournament, scripted_server, uploaded
):
    def renamed(_request, proper):
        answer = proper()
        scripted_server.submissions[0]["filename"] = "renamed.csv"
        return answer

    scripted_server.on("create", renamed)
    assert tournament.submit("id-alpha", uploaded, CLOSES).filename == "renamed.csv"


def test_times_without_a_zone_are_utc(tournament, scripted_server, uploaded):
    tournament.submit("id-alpha", uploaded, CLOSES)
    scripted_server.submissions[0]["insertedAt"] = "2026-11-24T12:06:01.25"
    (submission,) = tournament.submissions("id-alpha")
    assert submission.inserted_at == datetime(
        2026, 11, 24, 12, 6, 1, 250_000, tzinfo=UTC
    )


def test_without_keys_the_public_calls_need_none(clock):
    tournament = connect(TournamentSettings(), clock=clock, environ={})
    for call in (
        tournament.models,
        lambda: tournament.submissions("x"),
        lambda: tournament.upload("x", "p.csv", CSV),
        lambda: tournament.submit("x", "p.csv", CLOSES),
    ):
        with pytest.raises(ConfigError, match="NUMERAI_PUBLIC_ID"):
            call()


@pytest.mark.parametrize("trigger", ["\udc80", "a\nb", "\x00"])
def test_a_trigger_that_cannot_be_sent_is_refused(scripted_server, clock, trigger):
    with pytest.raises(ConfigError, match="TRIGGER_ID contains characters"):
        connect(
            scripted_server.settings(), clock=clock, environ={"TRIGGER_ID": trigger}
        )


def test_what_follows_the_host_is_not_printed(scripted_server, clock):
    url = f"{scripted_server.url}/?key=FAKESECRET"
    scripted_server.on("rounds", *[scripted_server.status(503)] * 99)
    tournament = connect(scripted_server.settings(url=url), clock=clock, environ={})
    with pytest.raises(TournamentBusy) as error:
        tournament.current_round()
    assert "FAKE" not in str(error.value)
