"""Submitting at most once a round and model, whatever dies in between.

The ledger is written before and after each step that the tournament sees:

1. ``intent``: nothing was sent. A rerun uploads.
2. ``uploaded``: bytes were stored, and a submission may have been made of them. A
   rerun asks the tournament, and makes one only where there is none.
3. ``confirmed``: the tournament lists the submission. A rerun returns its receipt.

What the tournament does not list is never taken for what does not exist at once: it is
looked for again and again. A confirmed submission that is not listed any more is a
question for a person.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numerai_pipeline.core import (
    Clock,
    ConfigError,
    TournamentRefused,
    did_you_mean,
    digest_of,
    format_time,
    locked,
    write_json,
)
from numerai_pipeline.submission.checks import check_predictions
from numerai_pipeline.submission.ledger import STANDING, Attempt, Ledger, LedgerRow
from numerai_pipeline.tournament import Submission, Tournament

# States in which a submission may exist, and for how many seconds it is looked for.
# What a killed process has created is listed within a few; what was refused had been
# looked for at the time.
_UNSETTLED = {"uploaded": 30, "refused": 0}

# A confirmed submission was listed once: a list without it is a fault that passes.
_ABSENCE_SECONDS = 60

# States in which a submission counts.
_GOOD = frozenset({"confirmed", "elsewhere"})

# State and whether it is selected, where the state has to change.
_CHANGED = frozenset({("confirmed", False), ("elsewhere", False), ("unselected", True)})


@dataclass(frozen=True)
class Receipt:
    """What proves a submission."""

    name: str
    numerai_name: str
    tournament: str
    round_number: int
    submission_id: str
    uploaded: str
    sha256: str
    n_rows: int
    submitted_at: datetime
    was_already_submitted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON has it."""
        return {**asdict(self), "submitted_at": format_time(self.submitted_at)}


def submit_once(  # noqa: PLR0913 - each is a separate decision of the caller
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    *,
    name: str,
    numerai_name: str,
    predictions: Path,
    live_ids: Sequence[str],
    round_number: int,
    replace: bool = False,
) -> Receipt:
    """Submit predictions at most once, and read the submission back.

    The receipt is written beside the predictions, as ``receipt_NAME.json``.

    Args:
        tournament: where to.
        ledger: remembers every attempt.
        clock: dates them.
        name: our name of the model.
        numerai_name: its name at Numerai.
        predictions: CSV with the columns ``id,prediction``.
        live_ids: ids of the round's live data.
        round_number: the round that the predictions were made for.
        replace: submit although other predictions were submitted already.

    Raises:
        DataError: if the predictions do not fit the live data, or the ledger is
            broken.
        ConfigError: if other predictions were submitted already, the account has no
            such model, or another process of this machine submits to it.
        TournamentRefused: if the round is not open, the tournament says no, or the
            submission is listed but does not count, or is not listed any more.
        TournamentBusy: if it did not answer in time; rerun to go on.
    """
    checked = check_predictions(predictions, live_ids)
    id_ = model_id(tournament, numerai_name)
    attempt = Attempt(
        tournament=tournament.host,
        round_number=round_number,
        model=name,
        numerai_name=numerai_name,
        sha256=checked.sha256,
        n_rows=checked.n_rows,
    )
    with locked(_lock(tournament, id_), doing=f"submitting as '{numerai_name}'"):
        _settle(tournament, ledger, clock, attempt, id_)
        row = _standing(tournament, ledger, clock, attempt, id_, replace=replace)
        was_already_submitted = row is not None
        if row is None:
            closes = _check_round(tournament, round_number)
            _check_unknown(tournament, ledger, attempt, id_, replace=replace)
            row = _begin(ledger, clock, attempt, id_)
            if row.uploaded is None:
                row = _upload(
                    tournament, ledger, clock, row, predictions.name, checked.content
                )
                # Somebody else may have submitted while the bytes went over the line.
                _check_unknown(tournament, ledger, attempt, id_, replace=replace)
            row = _create(tournament, ledger, clock, row, closes)
        _check_counts(row)
        receipt = _receipt(row, was_already_submitted=was_already_submitted)
        record = receipt.to_dict()
        del record["was_already_submitted"]  # the same file after a rerun
        write_json(predictions.with_name(f"receipt_{name}.json"), record)
    return receipt


def _lock(tournament: Tournament, id_: str) -> Path:
    """Return what a process of this user holds while it submits to a model.

    It belongs to Numerai's model, not to a workspace: two workspaces can have the
    same account.
    """
    user = os.getuid() if hasattr(os, "getuid") else ""
    mark = digest_of([tournament.address, id_])[:16]
    return Path(tempfile.gettempdir()) / f"numerai-pipeline-{user}" / mark


def _settle(
    tournament: Tournament, ledger: Ledger, clock: Clock, attempt: Attempt, id_: str
) -> None:
    """Learn what became of uploads after which a process stopped."""
    for row in _rows(ledger, attempt):
        # A refusal may have come although the submission was made.
        if row.model_id == id_ and row.uploaded and row.state in _UNSETTLED:
            found = tournament.find_submission(
                id_, uploaded=row.uploaded, seconds=_UNSETTLED[row.state]
            )
            if found is not None:
                _record(tournament, ledger, clock, row, found)


def _standing(
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    attempt: Attempt,
    id_: str,
    *,
    replace: bool,
) -> LedgerRow | None:
    """Return the row of this very submission; None if there is none and one may be.

    Raises:
        ConfigError: if there is another one, unless it is to be replaced.
        TournamentRefused: if the tournament does not list it any more.
    """
    rows = [row for row in _rows(ledger, attempt) if row.state in STANDING]
    at_numerai = [row for row in rows if row.model_id == id_]
    for row in reversed(at_numerai):
        found = tournament.find_submission(
            id_,
            uploaded=row.uploaded,
            submission_id=row.submission_id,
            seconds=_ABSENCE_SECONDS,
        )
        if found is None and not replace:
            raise TournamentRefused(_absent(row))
        if found is not None and (row.state, found.is_selected) in _CHANGED:
            row = _record(tournament, ledger, clock, row, found)
        is_same = (row.model, row.sha256) == (attempt.model, attempt.sha256)
        if is_same and found is not None and (row.state in _GOOD or not replace):
            return row
        if not replace:
            raise ConfigError(
                f"round {row.round_number} has other predictions already: "
                f"{_described(row)}, sha256 {row.sha256[:12]}, now "
                f"{attempt.sha256[:12]}. Pass --replace to submit these; the latest "
                "submission of a window counts."
            )
    if not at_numerai and not replace:
        for row in rows:
            if row.model == attempt.model:
                raise ConfigError(
                    f"round {row.round_number} has predictions of this model already: "
                    f"{_described(row)}, which stays as it is. Pass --replace to "
                    f"submit to '{attempt.numerai_name}' as well."
                )
    return None


def _rows(ledger: Ledger, attempt: Attempt) -> list[LedgerRow]:
    return ledger.rows(tournament=attempt.tournament, round_number=attempt.round_number)


def _described(row: LedgerRow) -> str:
    return (
        f"'{row.model}' was submitted as '{row.numerai_name}' at "
        f"{format_time(row.at)} (submission {row.submission_id})"
    )


def _absent(row: LedgerRow) -> str:
    return (
        f"round {row.round_number}: {_described(row)}, but {row.tournament} has not "
        f"listed it for {_ABSENCE_SECONDS} s. Nothing was submitted. See whether it is "
        "there in the account: if so, rerun later; if not, or if this is another "
        "account or a new simulator, pass --replace to submit again."
    )


def model_id(tournament: Tournament, numerai_name: str) -> str:
    """Return the id of the account's model with that name.

    Raises:
        ConfigError: if the account has none; the nearest names are given.
    """
    models = tournament.models()
    if numerai_name in models:
        return models[numerai_name]
    hint = did_you_mean(numerai_name, sorted(models))
    raise ConfigError(
        f"the account at {tournament.host} has no model '{numerai_name}'. {hint} "
        "Correct [submission] models in numerai.toml."
    )


def _check_unknown(
    tournament: Tournament,
    ledger: Ledger,
    attempt: Attempt,
    id_: str,
    *,
    replace: bool,
) -> None:
    """Refuse to submit over a submission that this ledger does not count.

    One that came too late for the round before can be filed under this one.
    """
    rows = ledger.rows(tournament=attempt.tournament)
    known = {row.submission_id for row in rows if row.state == "late"}
    for submission in tournament.submissions(id_):
        is_of_round = submission.round_number == attempt.round_number
        if is_of_round and submission.id not in known and not replace:
            raise ConfigError(
                f"round {attempt.round_number} has submission {submission.id} of "
                f"'{attempt.numerai_name}' already, which this ledger does not count: "
                "it was made elsewhere, or the ledger was lost or changed. Pass "
                "--replace to submit these; the latest submission of a window counts."
            )


def _check_round(tournament: Tournament, round_number: int) -> datetime:
    """Return when the round closes."""
    current = tournament.current_round()
    if current.number != round_number:
        raise TournamentRefused(
            f"the predictions are for round {round_number}, but round "
            f"{current.number} is open. Run `nai predict` for it, then submit."
        )
    return current.closes


def _begin(ledger: Ledger, clock: Clock, attempt: Attempt, id_: str) -> LedgerRow:
    """Return the row to go on with; others that were begun are given up."""
    chosen = None
    rows = _rows(ledger, attempt)
    newest = max((row.id for row in rows if row.state == "confirmed"), default=0)
    for row in rows:
        if not row.is_unfinished or row.model_id != id_:
            continue
        # The order of the rows is that of the submissions.
        if row.attempt == attempt and row.id > newest:
            chosen = row
        else:
            reason = "given up: other predictions are submitted instead"
            ledger.mark_refused(row.id, reason, clock.now())
    return chosen or ledger.intend(attempt, id_, clock.now())


def _upload(
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    row: LedgerRow,
    filename: str,
    content: bytes,
) -> LedgerRow:
    try:
        uploaded = tournament.upload(row.model_id, filename, content)
    except TournamentRefused as error:
        ledger.mark_refused(row.id, str(error), clock.now())
        raise
    return ledger.mark_uploaded(row.id, uploaded, clock.now())


def _create(
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    row: LedgerRow,
    closes: datetime,
) -> LedgerRow:
    try:
        found = tournament.submit(row.model_id, str(row.uploaded), closes)
    except TournamentRefused as error:
        ledger.mark_refused(row.id, str(error), clock.now())
        raise
    return _record(tournament, ledger, clock, row, found)


def _record(
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    row: LedgerRow,
    found: Submission,
) -> LedgerRow:
    """Record a submission that is listed, and whether it counts."""
    round_ = tournament.find_round(row.round_number)
    at = found.inserted_at
    late = None
    if found.round_number not in (None, row.round_number):
        late = f"it was filed under round {found.round_number}"
    elif round_ is not None and at is not None and at >= round_.closes:
        late = (
            f"it came at {format_time(at)}, but the round closed at "
            f"{format_time(round_.closes)}"
        )
    now = clock.now()
    if late is not None:
        return ledger.mark_not_counting(row.id, "late", found.id, late, now)
    if found.is_selected is False:
        reason = f"{tournament.host} counts another submission of this model"
        return ledger.mark_not_counting(row.id, "unselected", found.id, reason, now)
    return ledger.mark_confirmed(row.id, found.id, now)


def _check_counts(row: LedgerRow) -> None:
    """Refuse to call a submission good that no stake counts for."""
    if row.state == "late":
        raise TournamentRefused(
            f"submission {row.submission_id} of '{row.model}' is late for round "
            f"{row.round_number}: {row.reason}. No stake counts for it. Predict and "
            "submit the next round in time."
        )
    if row.state == "unselected":
        raise TournamentRefused(
            f"submission {row.submission_id} of '{row.model}' does not count in round "
            f"{row.round_number}: {row.reason}, made elsewhere, perhaps by another "
            "machine or a model upload. Pass --replace to submit again; the latest "
            "submission of a window counts."
        )


def _receipt(row: LedgerRow, *, was_already_submitted: bool) -> Receipt:
    return Receipt(
        name=row.model,
        numerai_name=row.numerai_name,
        tournament=row.tournament,
        round_number=row.round_number,
        submission_id=row.submission_id or "",
        uploaded=row.uploaded or "",
        sha256=row.sha256,
        n_rows=row.n_rows,
        submitted_at=row.at,
        was_already_submitted=was_already_submitted,
    )
