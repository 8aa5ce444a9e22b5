"""Submitting at most once a round and model, whatever dies in between.

The ledger is written before and after each step that the tournament sees:

1. ``intent``: nothing was sent. A rerun uploads.
2. ``uploaded``: bytes were stored, and a submission may have been made of them. A
   rerun asks the tournament, and makes one only where there is none.
3. ``confirmed``: the tournament lists the submission. A rerun returns its receipt.
"""

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
    format_time,
    locked,
    write_json,
)
from numerai_pipeline.submission.checks import check_predictions
from numerai_pipeline.submission.ledger import Attempt, Ledger, LedgerRow
from numerai_pipeline.tournament import Tournament


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
        DataError: if the predictions do not fit the live data.
        ConfigError: if other predictions were submitted already, the account has no
            such model, or another process is submitting this model.
        TournamentRefused: if the round is not open, or the tournament says no.
        TournamentBusy: if it did not answer in time; rerun to go on.
    """
    checked = check_predictions(predictions, live_ids)
    attempt = Attempt(
        tournament=tournament.host,
        round_number=round_number,
        model=name,
        numerai_name=numerai_name,
        sha256=checked.sha256,
        n_rows=checked.n_rows,
    )
    receipt_path = predictions.with_name(f"receipt_{name}.json")
    with locked(receipt_path, doing=f"submitting '{name}'"):
        _settle(tournament, ledger, clock, attempt)
        row = _confirmed(tournament, ledger, clock, attempt, replace=replace)
        was_already_submitted = row is not None
        if row is None:
            id_ = model_id(tournament, numerai_name)
            closes = _check_round(tournament, round_number)
            _check_unknown(tournament, ledger, attempt, id_, replace=replace)
            row = _begin(ledger, clock, attempt, id_)
            row = _send(
                tournament, ledger, clock, row, predictions.name, checked.content
            )
            _check_time(tournament, row, closes)
        receipt = _receipt(row, was_already_submitted=was_already_submitted)
        record = receipt.to_dict()
        del record["was_already_submitted"]  # the same file after a rerun
        write_json(receipt_path, record)
    return receipt


def _settle(
    tournament: Tournament, ledger: Ledger, clock: Clock, attempt: Attempt
) -> None:
    """Learn what became of uploads after which a process stopped."""
    for row in ledger.rows(
        tournament=attempt.tournament,
        round_number=attempt.round_number,
        model=attempt.model,
    ):
        # A refusal may have come after the submission was made.
        if row.uploaded is None or row.state not in ("uploaded", "refused"):
            continue
        for submission in tournament.submissions(row.model_id):
            if (submission.filename, submission.round_number) == (
                row.uploaded,
                row.round_number,
            ):
                ledger.mark_confirmed(row.id, submission.id, clock.now())


def _confirmed(
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    attempt: Attempt,
    *,
    replace: bool,
) -> LedgerRow | None:
    """Return the row of this very submission, if the tournament still lists it."""
    for row in ledger.rows(
        tournament=attempt.tournament, round_number=attempt.round_number
    ):
        is_ours = row.model == attempt.model or row.numerai_name == attempt.numerai_name
        if row.state != "confirmed" or not is_ours:
            continue
        listed = {each.id for each in tournament.submissions(row.model_id)}
        if row.submission_id not in listed:
            reason = "not listed any more: another account, or a new simulator"
            ledger.mark_refused(row.id, reason, clock.now())
            continue
        if row.attempt == attempt:
            return row
        if not replace:
            raise ConfigError(
                f"round {row.round_number} has other predictions already: '{row.model}'"
                f" was submitted as '{row.numerai_name}' at "
                f"{format_time(row.at)} (submission {row.submission_id}, sha256 "
                f"{row.sha256[:12]}, now {attempt.sha256[:12]}). Pass --replace to "
                "submit anew; the latest submission of a window counts."
            )
    return None


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
    """Refuse to submit over a submission that this ledger knows nothing of."""
    known = {row.submission_id for row in ledger.rows()}
    for submission in tournament.submissions(id_):
        is_of_round = submission.round_number == attempt.round_number
        if is_of_round and submission.id not in known and not replace:
            raise ConfigError(
                f"round {attempt.round_number} has submission {submission.id} of "
                f"'{attempt.numerai_name}' already, which this ledger does not know: "
                "it was made elsewhere, or the ledger was lost. Pass --replace to "
                "submit anew; the latest submission of a window counts."
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


def _begin(ledger: Ledger, clock: Clock, attempt: Attempt, model_id: str) -> LedgerRow:
    """Return the row to go on with; others that were begun are given up."""
    chosen = None
    for row in ledger.rows(
        tournament=attempt.tournament,
        round_number=attempt.round_number,
        model=attempt.model,
    ):
        if not row.is_unfinished:
            continue
        if (row.attempt, row.model_id) == (attempt, model_id):
            chosen = row
        else:
            reason = "given up: other predictions are submitted instead"
            ledger.mark_refused(row.id, reason, clock.now())
    return chosen or ledger.intend(attempt, model_id, clock.now())


def _send(
    tournament: Tournament,
    ledger: Ledger,
    clock: Clock,
    row: LedgerRow,
    filename: str,
    content: bytes,
) -> LedgerRow:
    try:
        uploaded = row.uploaded
        if uploaded is None:
            uploaded = tournament.upload(row.model_id, filename, content)
            ledger.mark_uploaded(row.id, uploaded, clock.now())
        submission = tournament.submit(row.model_id, uploaded, row.round_number)
    except TournamentRefused as error:
        ledger.mark_refused(row.id, str(error), clock.now())
        raise
    return ledger.mark_confirmed(row.id, submission.id, clock.now())


def _check_time(tournament: Tournament, row: LedgerRow, closes: datetime) -> None:
    """Refuse to call a submission good that came after the round had closed."""
    for submission in tournament.submissions(row.model_id):
        at = submission.inserted_at
        if submission.id == row.submission_id and at is not None and at >= closes:
            raise TournamentRefused(
                f"submission {row.submission_id} of '{row.model}' came at "
                f"{format_time(at)}, but round {row.round_number} closed at "
                f"{format_time(closes)}: it is late and no stake counts for it."
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
