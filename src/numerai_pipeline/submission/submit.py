"""Submit predictions at most once per round and model, even if the process is killed.

``submit_once`` holds a lock on the Numerai model and goes through these steps; the
ledger is written before and after each request that changes something:

1. Settle: find out whether uploads of killed runs became submissions.
2. Look for a submission that counts already: the same predictions return its receipt,
   other ones are refused unless ``replace`` is set.
3. Check that the round is open and has no submission that the ledger does not know.
4. Record the ``intent``, upload, record ``uploaded``.
5. Create the submission, read it back, record it as ``confirmed``; as ``late`` or
   ``unselected`` if it does not count.

A rerun after a kill continues where the ledger stops. A submission counts as absent
only after it was not listed for a while. If a confirmed one is not listed any more, the
user has to decide.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from numerai_pipeline.core import (
    Clock,
    ConfigError,
    DataError,
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

# States in which a submission may exist, and for how many seconds to poll for it. One
# that a killed process created is listed within seconds; a refused one was polled for
# before it was recorded as refused.
_UNSETTLED = {"uploaded": 30, "refused": 0}

# A confirmed submission was listed once: a list without it is probably incomplete.
_ABSENCE_SECONDS = 60

# States in which a submission counts.
_COUNTING = frozenset({"confirmed", "elsewhere"})

# (state, is_selected) of submissions whose state has to change.
_CHANGED = frozenset({("confirmed", False), ("elsewhere", False), ("unselected", True)})


@dataclass(frozen=True)
class Receipt:
    """Proof of a submission."""

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
        """Return the receipt in its JSON form."""
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
        tournament: to submit to.
        ledger: records every attempt.
        clock: dates the attempts.
        name: name of the model here.
        numerai_name: name of the model at Numerai.
        predictions: CSV with the columns ``id,prediction``.
        live_ids: ids of the round's live data.
        round_number: round of the predictions.
        replace: submit even if other predictions were submitted already.

    Raises:
        DataError: if the predictions do not match the live data, the ledger is
            broken, or the receipt cannot be written.
        ConfigError: if other predictions were submitted already, the account has no
            such model, another process of this machine submits to it, or the lock
            cannot be used.
        TournamentRefused: if the round is not open, the tournament refuses, or the
            submission is listed but does not count, or is not listed any more.
        TournamentBusy: if the tournament did not respond in time; rerun to continue.
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
    process = _Process(tournament, ledger, clock, attempt, id_, replace=replace)
    with _locked(tournament, id_, numerai_name):
        process.settle()
        row = process.find_standing()
        was_already_submitted = row is not None
        if row is None:
            row = process.submit(predictions.name, checked.content)
        _check_counts(row)
        receipt = _receipt(row, was_already_submitted=was_already_submitted)
        _write_receipt(receipt, predictions.with_name(f"receipt_{name}.json"))
    return receipt


def model_id(tournament: Tournament, numerai_name: str) -> str:
    """Return the id of the account's model with that name.

    Raises:
        ConfigError: if the account has no such model; suggests the nearest name.
    """
    models = tournament.models()
    if numerai_name in models:
        return models[numerai_name]
    hint = did_you_mean(numerai_name, sorted(models))
    raise ConfigError(
        f"the account at {tournament.host} has no model '{numerai_name}'. {hint} "
        "Correct [submission] models in numerai.toml."
    )


@contextmanager
def _locked(tournament: Tournament, id_: str, numerai_name: str) -> Iterator[None]:
    """Hold a Numerai model for one process of this user at a time.

    The lock is in the folder for temporary files, not in the workspace: two workspaces
    can use the same account.

    Raises:
        ConfigError: if another process holds it, or the folder cannot be used.
    """
    with ExitStack() as stack:
        folder = None
        try:
            user = os.getuid() if hasattr(os, "getuid") else ""
            folder = Path(tempfile.gettempdir()) / f"numerai-pipeline-{user}"
            folder.mkdir(mode=0o700, exist_ok=True)
            if user != "" and folder.lstat().st_uid != user:
                raise PermissionError("it belongs to another user")
            mark = digest_of([tournament.address, id_])[:16]
            doing = f"submitting as '{numerai_name}'"
            stack.enter_context(locked(folder / mark, doing=doing))
        except OSError as error:
            raise ConfigError(
                f"the lock folder {folder or 'for temporary files'} cannot be used: "
                f"{error.strerror or error}. Make it a folder that you may write to, "
                "or export TMPDIR with another one, the same for every process that "
                "submits. Nothing was submitted."
            ) from None
        yield


@dataclass(frozen=True)
class _Process:
    """The steps of one call of ``submit_once``, in their order.

    Attributes:
        tournament: to submit to.
        ledger: records every attempt.
        clock: dates the attempts.
        attempt: what to submit where.
        model_id: id of the Numerai model.
        replace: submit even if other predictions were submitted already.
    """

    tournament: Tournament
    ledger: Ledger
    clock: Clock
    attempt: Attempt
    model_id: str
    replace: bool

    def settle(self) -> None:
        """Find out whether uploads of killed runs became submissions."""
        for row in self._rows():
            # A refusal may have come although the submission was created.
            is_here = row.model_id == self.model_id
            if is_here and row.uploaded and row.state in _UNSETTLED:
                found = self.tournament.find_submission(
                    self.model_id,
                    uploaded=row.uploaded,
                    seconds=_UNSETTLED[row.state],
                )
                if found is not None:
                    self._record(row, found)

    def find_standing(self) -> LedgerRow | None:
        """Return the row of the same submission, None if a new one may be made.

        Raises:
            ConfigError: if there is another submission, unless it is to be replaced.
            TournamentRefused: if the tournament does not list it any more.
        """
        attempt = self.attempt
        rows = [row for row in self._rows() if row.state in STANDING]
        at_numerai = [row for row in rows if row.model_id == self.model_id]
        for row in reversed(at_numerai):
            found = self.tournament.find_submission(
                self.model_id,
                uploaded=row.uploaded,
                submission_id=row.submission_id,
                seconds=_ABSENCE_SECONDS,
            )
            if found is None and not self.replace:
                raise TournamentRefused(_absent(row))
            if found is not None and (row.state, found.is_selected) in _CHANGED:
                row = self._record(row, found)
            is_same = (row.model, row.sha256) == (attempt.model, attempt.sha256)
            may_stay = row.state in _COUNTING or not self.replace
            if is_same and found is not None and may_stay:
                return row
            if not self.replace:
                raise ConfigError(
                    f"round {row.round_number} has other predictions already: "
                    f"{_described(row)}, sha256 {row.sha256[:12]}, now "
                    f"{attempt.sha256[:12]}. Pass --replace to submit these; the "
                    "latest submission of a window counts."
                )
        if not at_numerai and not self.replace:
            for row in rows:
                if row.model == attempt.model:
                    raise ConfigError(
                        f"round {row.round_number} has predictions of this model "
                        f"already: {_described(row)}, which stays as it is. Pass "
                        f"--replace to submit to '{attempt.numerai_name}' as well."
                    )
        return None

    def submit(self, filename: str, content: bytes) -> LedgerRow:
        """Upload the predictions, create the submission and record it.

        Raises:
            ConfigError: if there is a submission that the ledger does not know, unless
                it is to be replaced.
            TournamentRefused: if the round is not open, or the tournament refuses.
        """
        closes = self._check_round()
        self._check_unknown()
        row = self._begin()
        try:
            if row.uploaded is None:
                uploaded = self.tournament.upload(row.model_id, filename, content)
                row = self.ledger.mark_uploaded(row.id, uploaded, self.clock.now())
                # Somebody else may have submitted during the upload.
                self._check_unknown()
            found = self.tournament.submit(row.model_id, str(row.uploaded), closes)
        except TournamentRefused as error:
            self.ledger.mark_refused(row.id, str(error), self.clock.now())
            raise
        return self._record(row, found)

    def _check_round(self) -> datetime:
        """Return when the round closes; refuse if another one is open."""
        current = self.tournament.current_round()
        if current.number != self.attempt.round_number:
            raise TournamentRefused(
                f"the predictions are for round {self.attempt.round_number}, but round "
                f"{current.number} is open. Run `nai predict` for it, then submit."
            )
        return current.closes

    def _check_unknown(self) -> None:
        """Refuse to submit over a submission that this ledger does not count.

        One that was late for the round before can be filed under this one.
        """
        if self.replace:
            return
        number = self.attempt.round_number
        rows = self.ledger.rows(tournament=self.attempt.tournament)
        known = {row.submission_id for row in rows if row.state == "late"}
        for submission in self.tournament.submissions(self.model_id):
            if submission.round_number == number and submission.id not in known:
                raise ConfigError(
                    f"round {number} has submission {submission.id} of "
                    f"'{self.attempt.numerai_name}' already, which this ledger does "
                    "not count: it was made elsewhere, or the ledger was lost or "
                    "changed. Pass --replace to submit these; the latest submission "
                    "of a window counts."
                )

    def _begin(self) -> LedgerRow:
        """Return the row to continue; give up other rows that were begun."""
        chosen = None
        rows = self._rows()
        newest = max((row.id for row in rows if row.state == "confirmed"), default=0)
        for row in rows:
            if not row.is_unfinished or row.model_id != self.model_id:
                continue
            # The rows are in the order of the submissions.
            if row.attempt == self.attempt and row.id > newest:
                chosen = row
            else:
                reason = "given up: other predictions are submitted instead"
                self.ledger.mark_refused(row.id, reason, self.clock.now())
        return chosen or self.ledger.intend(
            self.attempt, self.model_id, self.clock.now()
        )

    def _record(self, row: LedgerRow, found: Submission) -> LedgerRow:
        """Record a listed submission, and whether it counts."""
        round_ = self.tournament.find_round(row.round_number)
        at, now = found.inserted_at, self.clock.now()
        late = None
        if found.round_number not in (None, row.round_number):
            late = f"it was filed under round {found.round_number}"
        elif round_ is not None and at is not None and at >= round_.closes:
            late = (
                f"it came at {format_time(at)}, but the round closed at "
                f"{format_time(round_.closes)}"
            )
        if late is not None:
            return self.ledger.mark_not_counting(row.id, "late", found.id, late, now)
        if found.is_selected is False:
            reason = f"{self.tournament.host} counts another submission of this model"
            return self.ledger.mark_not_counting(
                row.id, "unselected", found.id, reason, now
            )
        return self.ledger.mark_confirmed(row.id, found.id, now)

    def _rows(self) -> list[LedgerRow]:
        return self.ledger.rows(
            tournament=self.attempt.tournament, round_number=self.attempt.round_number
        )


def _check_counts(row: LedgerRow) -> None:
    """Refuse a submission that does not count."""
    if row.state == "late":
        raise TournamentRefused(
            f"submission {row.submission_id} of '{row.model}' is late for round "
            f"{row.round_number}: {row.reason}. It does not count for a stake. Predict "
            "and submit the next round in time."
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


def _write_receipt(receipt: Receipt, path: Path) -> None:
    record = receipt.to_dict()
    del record["was_already_submitted"]  # the same file after a rerun
    try:
        write_json(path, record)
    except OSError as error:
        raise DataError(
            f"submission {receipt.submission_id} of '{receipt.name}' counts, but its "
            f"receipt {path} cannot be written: {error.strerror}. Free space or "
            "correct the path and its permissions, then rerun; nothing is submitted "
            "twice."
        ) from None


def _described(row: LedgerRow) -> str:
    return (
        f"'{row.model}' was submitted as '{row.numerai_name}' at "
        f"{format_time(row.at)} (submission {row.submission_id})"
    )


def _absent(row: LedgerRow) -> str:
    return (
        f"round {row.round_number}: {_described(row)}, but {row.tournament} has not "
        f"listed it for {_ABSENCE_SECONDS} s. Nothing was submitted. Check the "
        "account: if it is there, rerun later; if not, or if this is another account "
        "or a new simulator, pass --replace to submit again."
    )
