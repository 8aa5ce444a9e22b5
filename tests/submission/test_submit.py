"""At most one submission per round and model, even if the process is killed."""

import json
import logging
import os
import re
import sqlite3
import tempfile
from dataclasses import replace as changed
from datetime import UTC, datetime

import pytest

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    TournamentBusy,
    TournamentRefused,
    TournamentSettings,
)
from numerai_pipeline.submission import Ledger, submit_once
from numerai_pipeline.tournament import connect
from numerai_pipeline.tournament.access import resolve_access
from numerai_pipeline.tournament.graphql import GraphQLClient
from numerai_pipeline.tournament.numerai import NumeraiTournament

IDS = [f"n{number:015x}" for number in range(4)]


def write(path, values):
    lines = [f"{i},{v}\n" for i, v in zip(IDS, values, strict=True)]
    path.write_text("".join(["id,prediction\n", *lines]))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


@pytest.fixture
def predictions(tmp_path):
    path = tmp_path / "rounds" / "1000" / "predictions_mlp.csv"
    path.parent.mkdir(parents=True)
    write(path, [0.1, 0.2, 0.3, 0.4])
    return path


@pytest.fixture
def submit(tournament, ledger, clock, predictions):
    def submit(**changes):
        arguments = {
            "tournament": tournament,
            "ledger": ledger,
            "name": "mlp",
            "numerai_name": "alpha",
            "predictions": predictions,
            "live_ids": IDS,
            "round_number": 1000,
            **changes,
        }
        tournament_, ledger_ = arguments.pop("tournament"), arguments.pop("ledger")
        return submit_once(tournament_, ledger_, clock, **arguments)

    return submit


def states(ledger):
    return [row.state for row in ledger.rows()]


def test_a_submission_with_its_receipt(submit, ledger, predictions, scripted_server):
    receipt = submit()
    assert list(scripted_server.uploads.values()) == [predictions.read_bytes()]
    assert states(ledger) == ["confirmed"]
    assert receipt.submission_id == "submission-1"
    assert not receipt.was_already_submitted
    path = predictions.with_name("receipt_mlp.json")
    assert json.loads(path.read_text()) == {
        "name": "mlp",
        "numerai_name": "alpha",
        "tournament": "127.0.0.1",
        "round_number": 1000,
        "submission_id": "submission-1",
        "uploaded": "predictions_mlp.csv-1",
        "sha256": receipt.sha256,
        "n_rows": 4,
        "submitted_at": "2026-11-24T12:05:00Z",
    }
    assert receipt.to_dict()["was_already_submitted"] is False


def test_a_second_run_looks_and_returns_the_old_receipt(
    submit, predictions, scripted_server, clock
):
    first = submit()
    receipt_bytes = predictions.with_name("receipt_mlp.json").read_bytes()
    scripted_server.requests.clear()
    clock.move_to(datetime(2026, 11, 25, tzinfo=UTC))  # the round is over by now
    assert submit() == changed(first, was_already_submitted=True)
    assert {r.kind for r in scripted_server.requests} == {"models", "submissions"}
    assert predictions.with_name("receipt_mlp.json").read_bytes() == receipt_bytes


def test_other_predictions_are_refused_unless_replaced(
    submit, ledger, predictions, scripted_server
):
    submit()
    write(predictions, [0.4, 0.3, 0.2, 0.1])
    with pytest.raises(
        ConfigError,
        match=r"round 1000 has other predictions already: 'mlp' was submitted as "
        r"'alpha' at 2026-11-24T12:05:00Z \(submission submission-1\), .* --replace",
    ):
        submit()
    assert len(scripted_server.submissions) == 1
    receipt = submit(replace=True)
    assert receipt.submission_id == "submission-2"
    assert states(ledger) == ["replaced", "confirmed"]
    assert submit(replace=True).was_already_submitted
    assert len(scripted_server.submissions) == 2


def test_two_models_of_ours_cannot_silently_share_one_of_numerais(submit):
    submit()
    with pytest.raises(ConfigError, match="'mlp' was submitted as 'alpha'"):
        submit(name="lgbm")
    assert submit(name="lgbm", numerai_name="beta").submission_id == "submission-2"


def test_the_same_model_under_another_name_is_refused_unless_replaced(submit, ledger):
    submit()
    with pytest.raises(ConfigError, match="Pass --replace"):
        submit(numerai_name="beta")
    submit(numerai_name="beta", replace=True)
    # What was submitted as alpha still counts for alpha.
    assert states(ledger) == ["elsewhere", "confirmed"]
    assert submit().was_already_submitted
    assert submit(numerai_name="beta").was_already_submitted
    assert states(ledger) == ["elsewhere", "confirmed"]


def test_broken_predictions_reach_neither_ledger_nor_tournament(
    submit, ledger, predictions, scripted_server
):
    write(predictions, [0.1, 0.2, 0.3, 1.0])
    with pytest.raises(DataError, match="must be a number above 0 and below 1"):
        submit()
    assert ledger.rows() == []
    assert scripted_server.requests == []


def test_an_unknown_name_at_numerai_names_the_nearest(submit, ledger, scripted_server):
    with pytest.raises(ConfigError) as error:
        submit(numerai_name="alpa")
    assert str(error.value) == (
        "the account at 127.0.0.1 has no model 'alpa'. Did you mean 'alpha'? Correct "
        "[submission] models in numerai.toml."
    )
    with pytest.raises(ConfigError, match=r"no model 'zzz'. It has alpha, beta."):
        submit(numerai_name="zzz")
    scripted_server.models.clear()
    with pytest.raises(ConfigError, match=r"It has none. Correct"):
        submit()
    assert ledger.rows() == []


def test_another_round_is_refused_before_anything_is_sent(
    submit, ledger, scripted_server
):
    scripted_server.rounds[0]["number"] = 1001
    with pytest.raises(
        TournamentRefused,
        match=r"are for round 1000, but round 1001 is open. Run `nai predict` for it",
    ):
        submit()
    assert ledger.rows() == []
    assert scripted_server.uploads == {}


def test_a_closed_round_is_refused(submit, ledger, clock):
    clock.move_to(datetime(2026, 11, 24, 14, 0, tzinfo=UTC))
    with pytest.raises(TournamentRefused, match="No round is open"):
        submit()
    assert ledger.rows() == []


def test_a_refusal_is_recorded_and_the_next_run_begins_again(
    submit, ledger, scripted_server
):
    scripted_server.on("create", scripted_server.errors("a pickle is active"))
    with pytest.raises(TournamentRefused, match="a pickle is active"):
        submit()
    (row,) = ledger.rows()
    assert row.state == "refused"
    assert "a pickle is active" in str(row.reason)
    submit()
    assert states(ledger) == ["refused", "confirmed"]


def test_a_rerun_continues_after_a_busy_tournament(submit, ledger, scripted_server):
    scripted_server.on("create", *[scripted_server.status(503)] * 99)
    with pytest.raises(TournamentBusy, match="HTTP 503"):
        submit()
    assert states(ledger) == ["uploaded"]
    scripted_server._script.clear()
    assert not submit().was_already_submitted
    assert len(scripted_server.asked("put")) == 1
    assert states(ledger) == ["confirmed"]


def test_two_processes_do_not_submit_to_one_model_at_once(
    submit, predictions, scripted_server, tmp_path
):
    # In another workspace, with a ledger of its own.
    other = tmp_path / "other" / predictions.name
    other.parent.mkdir()
    other.write_bytes(predictions.read_bytes())
    other_ledger = Ledger(f"sqlite:///{tmp_path}/other.sqlite")

    def at_the_same_time(_request, proper):
        with pytest.raises(ConfigError, match="another process is submitting as 'alph"):
            submit(predictions=other, ledger=other_ledger, name="same")
        return proper()

    scripted_server.on("create", at_the_same_time)
    assert submit().submission_id == "submission-1"
    with pytest.raises(ConfigError, match="which this ledger does not count"):
        submit(predictions=other, ledger=other_ledger, name="same")
    assert len(scripted_server.submissions) == 1
    assert submit().was_already_submitted


def lock_folder(folder):
    user = os.getuid() if hasattr(os, "getuid") else ""
    return folder / f"numerai-pipeline-{user}"


def test_a_lock_folder_that_cannot_be_made_is_named(
    submit, ledger, scripted_server, tmp_path, monkeypatch
):
    # A file in its place: also the superuser, who may write everywhere, fails.
    (tmp_path / "file").touch()
    lock_folder(tmp_path).touch()
    for temporary in (tmp_path / "file", tmp_path):
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        with pytest.raises(ConfigError) as error:
            submit()
        assert f"the lock folder {lock_folder(temporary)} cannot be used: " in str(
            error.value
        )
        assert "export TMPDIR" in str(error.value)
    assert ledger.rows() == []
    assert scripted_server.uploads == {}
    lock_folder(tmp_path).unlink()
    assert submit().submission_id == "submission-1"


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="gives a folder away"
)
def test_a_lock_folder_of_another_user_is_named(
    submit, scripted_server, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lock_folder(tmp_path).mkdir(mode=0o777)
    os.chown(lock_folder(tmp_path), 65534, -1)
    with pytest.raises(ConfigError, match="cannot be used: it belongs to another user"):
        submit()
    assert scripted_server.uploads == {}


def test_no_folder_for_temporary_files_is_an_error_of_the_configuration(
    submit, monkeypatch
):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ConfigError, match="No usable temporary directory found"):
        submit()


# Dying in between.


class Died(Exception):
    """Stands for a process that ends at this instant."""


class Mortal:
    """Passes calls on, and dies before or after the one that is due."""

    def __init__(self, target, countdown):
        self._target = target
        self._countdown = countdown

    def __getattr__(self, name):
        value = getattr(self._target, name)
        if not callable(value):
            return value

        def call(*args, **kwargs):
            self._countdown.tick()
            result = value(*args, **kwargs)
            self._countdown.tick()
            return result

        return call


class Countdown:
    def __init__(self, n_ticks):
        self.n_ticks = n_ticks

    def tick(self):
        self.n_ticks -= 1
        if self.n_ticks < 0:
            raise Died


@pytest.mark.slow
def test_dying_before_or_after_any_call_leaves_one_submission(
    tournament, submit, predictions, scripted_server, tmp_path
):
    n_deaths = 0
    for n_ticks in range(100):
        scripted_server.submissions.clear()
        ledger = Ledger(f"sqlite:///{tmp_path}/ledger-{n_ticks}.sqlite")
        predictions.with_name("receipt_mlp.json").unlink(missing_ok=True)
        countdown = Countdown(n_ticks)
        try:
            submit(
                tournament=Mortal(tournament, countdown),
                ledger=Mortal(ledger, countdown),
            )
        except Died:
            n_deaths += 1
        else:
            break
        receipt = submit(ledger=ledger)
        assert len(scripted_server.submissions) == 1, n_ticks
        assert receipt.submission_id == "submission-1"
        assert states(ledger) == ["confirmed"]
        assert predictions.with_name("receipt_mlp.json").is_file()
    assert n_deaths >= 14  # before and after each of seven calls


@pytest.mark.slow
def test_dying_and_coming_back_with_other_predictions(
    tournament, submit, predictions, scripted_server, tmp_path
):
    # What was submitted before the death is found, and then counts: other
    # predictions need --replace. What was not submitted is given up.
    outcomes = set()
    for n_ticks in range(100):
        scripted_server.submissions.clear()
        ledger = Ledger(f"sqlite:///{tmp_path}/ledger-{n_ticks}.sqlite")
        write(predictions, [0.1, 0.2, 0.3, 0.4])
        countdown = Countdown(n_ticks)
        try:
            submit(
                tournament=Mortal(tournament, countdown),
                ledger=Mortal(ledger, countdown),
            )
        except Died:
            pass
        else:
            break
        was_submitted = bool(scripted_server.submissions)
        write(predictions, [0.4, 0.3, 0.2, 0.1])
        if was_submitted:
            with pytest.raises(ConfigError, match="has other predictions already"):
                submit(ledger=ledger)
            assert states(ledger) == ["confirmed"]
        else:
            submit(ledger=ledger)
            assert states(ledger)[-1] == "confirmed"
            assert set(states(ledger)[:-1]) <= {"refused"}
        assert len(scripted_server.submissions) == 1
        outcomes.add(was_submitted)
    assert outcomes == {True, False}


def test_a_death_before_the_confirmation_is_settled_after_the_round_closed(
    submit, ledger, clock, scripted_server
):
    class DiesOnConfirming(Mortal):
        def mark_confirmed(self, *_args):
            raise Died

    with pytest.raises(Died):
        submit(ledger=DiesOnConfirming(ledger, Countdown(99)))
    assert states(ledger) == ["uploaded"]
    clock.move_to(datetime(2026, 11, 25, tzinfo=UTC))
    assert submit().was_already_submitted
    assert len(scripted_server.submissions) == 1


# Keys.


def test_the_keys_are_in_no_log_error_ledger_or_receipt(
    scripted_server, clock, submit, tmp_path, caplog
):
    keys = {
        "NUMERAI_PUBLIC_ID": "FAKEPUBLICFAKEPUBLIC",
        "NUMERAI_SECRET_KEY": "FAKESECRETFAKESECRET",
    }
    # Real keys go to https only; the room is assembled by hand for this test.
    real = resolve_access(TournamentSettings(), keys)
    access = changed(real, url=scripted_server.url, is_simulated=False)
    graphql = GraphQLClient(access, clock, timeout_seconds=0.3, deadline_seconds=90)
    tournament = NumeraiTournament(graphql, trigger_id=None)
    scripted_server.upload_base = "https://127.0.0.1:1"
    scripted_server.on("create", *[scripted_server.echo_headers()] * 9)
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(TournamentBusy) as busy:  # nobody listens there
            submit(tournament=tournament)
        ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
        (row,) = ledger.rows()
        ledger.mark_uploaded(row.id, "p.csv-1", clock.now())
        with pytest.raises(TournamentRefused) as refused:
            submit(tournament=tournament)
    assert any("FAKE" in str(r.headers) for r in scripted_server.requests)
    for error in (busy.value, refused.value):
        assert "FAKE" not in f"{error!r}{error.__cause__!r}{error.__context__!r}"
    assert "FAKE" not in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert all(b"FAKE" not in path.read_bytes() for path in files)


def test_a_tournament_that_is_not_there_leaves_no_trace(clock, submit, ledger):
    settings = TournamentSettings(
        simulated=True, url="http://127.0.0.1:1", deadline_seconds=1
    )
    absent = connect(settings, clock=clock, environ={})
    with pytest.raises(
        TournamentBusy, match=re.escape("http://127.0.0.1:1 returned no")
    ):
        submit(tournament=absent)
    assert ledger.rows() == []


def test_a_refused_look_after_the_create_is_not_a_refusal(
    submit, scripted_server, ledger
):
    def properly(_request, proper):
        return proper()

    # Three looks before the create, then the one after it.
    refused = scripted_server.errors("Internal server error")
    scripted_server.on("submissions", *[properly] * 3, refused)
    receipt = submit()
    assert len(scripted_server.submissions) == 1
    assert receipt.submission_id == "submission-1"
    assert [row.state for row in ledger.rows()] == ["confirmed"]


NO_SUBMISSIONS = {"data": {"submissions": [], "model": {"submissions": []}}}


@pytest.mark.parametrize("changed_predictions", [False, True])
def test_one_empty_answer_makes_no_second_submission(
    submit, scripted_server, ledger, predictions, changed_predictions
):
    submit()
    if changed_predictions:
        write(predictions, [0.4, 0.3, 0.2, 0.1])
    scripted_server.on("submissions", scripted_server.json(NO_SUBMISSIONS))
    if changed_predictions:
        with pytest.raises(ConfigError, match="has other predictions already"):
            submit()
    else:
        assert submit().was_already_submitted
    assert len(scripted_server.submissions) == 1
    assert states(ledger) == ["confirmed"]


def test_what_is_not_listed_for_a_minute_needs_a_person(
    submit, scripted_server, ledger, clock
):
    submit()
    start = clock.now()
    scripted_server.on("submissions", *[scripted_server.json(NO_SUBMISSIONS)] * 7)
    with pytest.raises(
        TournamentRefused,
        match=r"'mlp' was submitted as 'alpha' at .* but 127.0.0.1 has not listed it "
        r"for 60 s. Nothing was submitted. Check the account",
    ):
        submit()
    assert (clock.now() - start).total_seconds() == 60
    assert states(ledger) == ["confirmed"]
    assert submit().was_already_submitted  # it is listed again
    scripted_server.submissions.clear()
    assert not submit(replace=True).was_already_submitted
    assert states(ledger) == ["replaced", "confirmed"]
    assert len(scripted_server.submissions) == 1


def late(scripted_server):
    def executed(_request, proper):
        answer = proper()
        scripted_server.submissions[-1]["insertedAt"] = "2026-11-24T13:00:01Z"
        return answer

    return executed


def test_a_late_submission_is_recorded_as_late(
    submit, scripted_server, ledger, predictions
):
    scripted_server.on("create", late(scripted_server))
    for _ in range(2):  # the second time nothing is sent
        with pytest.raises(
            TournamentRefused,
            match=r"submission-1 of 'mlp' is late for round 1000: it came at "
            r"2026-11-24T13:00:01Z, but the round closed at 2026-11-24T13:00:00Z",
        ):
            submit()
        (row,) = ledger.rows()
        assert (row.state, row.submission_id) == ("late", "submission-1")
    assert len(scripted_server.submissions) == 1
    assert not predictions.with_name("receipt_mlp.json").exists()


def test_a_lost_late_submission_is_recorded_as_late_by_the_next_run(
    submit, scripted_server, ledger, clock
):
    class DiesOnRecording(Mortal):
        def mark_not_counting(self, *_args):
            raise Died

    scripted_server.on("create", late(scripted_server))
    with pytest.raises(Died):
        submit(ledger=DiesOnRecording(ledger, Countdown(99)))
    assert states(ledger) == ["uploaded"]
    clock.move_to(datetime(2026, 11, 24, 13, 5, tzinfo=UTC))
    with pytest.raises(TournamentRefused, match="is late for round 1000"):
        submit()
    assert states(ledger) == ["late"]


def test_what_is_filed_under_the_next_round_is_late_not_refused(
    submit, scripted_server, ledger
):
    def next_round(_request, proper):
        answer = proper()
        scripted_server.submissions[-1]["round"] = 1001
        return answer

    scripted_server.on("create", next_round)
    with pytest.raises(TournamentRefused, match="it was filed under round 1001"):
        submit()
    assert states(ledger) == ["late"]


def test_an_upload_that_ends_after_the_close_is_not_submitted(
    submit, scripted_server, ledger, clock
):
    def slowly(_request, proper):
        clock.move_to(datetime(2026, 11, 24, 13, 0, tzinfo=UTC))
        return proper()

    scripted_server.on("put", slowly)
    with pytest.raises(TournamentRefused, match="came too late and were not submitted"):
        submit()
    assert scripted_server.asked("create") == []
    assert states(ledger) == ["refused"]


def test_a_submission_that_does_not_count_is_reported(submit, scripted_server, ledger):
    def outvoted(_request, proper):
        answer = proper()
        own = scripted_server.submissions[-1]
        own["selected"] = False
        scripted_server.submissions.append(
            {**own, "id": "other", "filename": "other", "selected": True}
        )
        return answer

    scripted_server.on("create", outvoted)
    for _ in range(2):
        with pytest.raises(
            TournamentRefused,
            match=r"submission-1 of 'mlp' does not count in round 1000: 127.0.0.1 "
            r"counts another submission of this model, made elsewhere",
        ):
            submit()
        assert states(ledger) == ["unselected"]
    assert len(scripted_server.asked("create")) == 1
    scripted_server.submissions[0]["selected"] = True
    assert submit().was_already_submitted
    assert states(ledger) == ["confirmed"]


def test_what_was_replaced_elsewhere_is_reported(submit, scripted_server, ledger):
    submit()
    own = scripted_server.submissions[0]
    own["selected"] = False
    with pytest.raises(TournamentRefused, match="does not count in round 1000"):
        submit()
    assert states(ledger) == ["unselected"]
    assert submit(replace=True).submission_id == "submission-2"
    assert states(ledger) == ["unselected", "confirmed"]


def test_somebody_who_submits_during_the_upload_is_not_overwritten(
    submit, scripted_server
):
    def meanwhile(_request, proper):
        scripted_server.submissions.append(
            {
                "id": "theirs",
                "filename": "theirs.csv",
                "insertedAt": "2026-11-24T12:05:30Z",
                "model": "id-alpha",
                "selected": True,
                "round": 1000,
            }
        )
        return proper()

    scripted_server.on("put", meanwhile)
    with pytest.raises(ConfigError, match="has submission theirs of 'alpha' already"):
        submit()
    assert scripted_server.asked("create") == []


def test_a_killed_create_that_is_listed_seconds_later_is_not_made_twice(
    submit, scripted_server, ledger, tournament, predictions
):
    class DiesOnSubmitting(Mortal):
        def submit(self, *args):
            tournament.submit(*args)
            raise Died

    with pytest.raises(Died):
        submit(tournament=DiesOnSubmitting(tournament, Countdown(99)))
    scripted_server.on("submissions", *[scripted_server.json(NO_SUBMISSIONS)] * 3)
    write(predictions, [0.4, 0.3, 0.2, 0.1])
    with pytest.raises(ConfigError, match="has other predictions already"):
        submit()
    assert len(scripted_server.submissions) == 1
    assert states(ledger) == ["confirmed"]


def test_a_refused_submission_that_appears_later_does_not_replace_a_newer_one(
    submit, scripted_server, ledger, predictions
):
    scripted_server.on("create", scripted_server.errors("try later"))
    with pytest.raises(TournamentRefused, match="try later"):
        submit()
    refused = ledger.rows()[0]
    write(predictions, [0.4, 0.3, 0.2, 0.1])
    submit()
    scripted_server.submissions.insert(
        0,
        {
            **scripted_server.submissions[0],
            "id": "hidden",
            "filename": refused.uploaded,
            "selected": True,
        },
    )
    assert submit().was_already_submitted
    assert states(ledger) == ["replaced", "confirmed"]


def test_a_row_with_an_unknown_state_stops_a_submission(
    submit, scripted_server, tmp_path
):
    submit()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE attempts SET state = 'frozen'")
    connection.close()
    with pytest.raises(DataError, match="row 1 has the unknown state 'frozen'"):
        submit()
    assert len(scripted_server.submissions) == 1


def test_a_portal_that_answers_every_upload_is_not_taken_for_the_store(
    submit, scripted_server, ledger
):
    scripted_server.on("put", scripted_server.html())
    assert submit().submission_id == "submission-1"
    assert states(ledger) == ["confirmed"]


def test_what_a_server_echoes_is_not_stored(
    scripted_server, clock, submit, ledger, tmp_path
):
    """Names that the server makes up hold a key and rewrite a terminal."""
    keys = {"NUMERAI_PUBLIC_ID": "FAKEPUBLIC", "NUMERAI_SECRET_KEY": "FAKESECRET"}
    access = changed(resolve_access(TournamentSettings(), keys))
    scripted_server.models = {"alpha": "id-alpha", "x\x1b[2JFAKEPUBLIC": "id"}
    graphql = GraphQLClient(
        changed(access, url=scripted_server.url),
        clock,
        timeout_seconds=0.3,
        deadline_seconds=5,
    )
    tournament = NumeraiTournament(graphql, trigger_id=None)
    with pytest.raises(ConfigError) as error:
        submit(tournament=tournament, numerai_name="x")
    assert "FAKE" not in str(error.value)
    assert "\x1b" not in str(error.value)
    name = {"filename": "p\udc80FAKESECRET", "url": "https://127.0.0.1:1/x"}
    slot = {"data": {"submission_upload_auth": name}}
    scripted_server.on("slot", *[scripted_server.json(slot)] * 50)
    with pytest.raises(TournamentBusy):
        submit(tournament=tournament)
    rows = ledger.rows()
    assert [row.state for row in rows] == ["intent"]
    assert b"FAKE" not in (tmp_path / "ledger.sqlite").read_bytes()


@pytest.mark.parametrize(
    "change", ["tournament = 'x'", "round_number = 7", "state = 'replaced'"]
)
def test_a_ledger_that_was_changed_by_hand_leads_to_no_second_submission(
    submit, scripted_server, tmp_path, change
):
    submit()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute(f"UPDATE attempts SET {change}")  # noqa: S608
    connection.close()
    with pytest.raises(
        ConfigError, match=r"submission-1 .* this ledger does not count"
    ):
        submit()
    assert len(scripted_server.submissions) == 1


def test_a_late_one_of_the_round_before_does_not_stop_a_submission(
    submit, scripted_server, ledger
):
    def next_round(_request, proper):
        answer = proper()
        scripted_server.submissions[-1]["round"] = 1001
        return answer

    scripted_server.on("create", next_round)
    with pytest.raises(TournamentRefused, match="it was filed under round 1001"):
        submit()
    scripted_server.rounds[0] |= {
        "number": 1001,
        "closeStakingTime": "2026-11-25T13:00:00Z",
    }
    assert submit(round_number=1001).submission_id == "submission-2"
    assert states(ledger) == ["late", "confirmed"]
