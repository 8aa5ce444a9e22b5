"""One round: live data, predictions, submissions, and what became of them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    PipelineError,
    TournamentBusy,
    sha256_of,
)
from numerai_pipeline.operations.learning import best_run
from numerai_pipeline.operations.pipeline import Pipeline
from numerai_pipeline.operations.preparing import download_live
from numerai_pipeline.prediction import (
    Origin,
    check_origin,
    earlier_live,
    live_ids,
    noted_rows,
    predict_live,
    write_noted,
)
from numerai_pipeline.submission import LedgerRow, Receipt, model_id, submit_once
from numerai_pipeline.tournament import NoOpenRound, Round, RoundScore, connect

# Whoever asks for the status waits; what the tournament has not said by then is left
# out. The first is for each request, the second for all of them.
_REQUEST_SECONDS = 4
_STATUS_SECONDS = 8


@dataclass(frozen=True)
class Prediction:
    """A model's predictions for a round."""

    name: str
    round_number: int
    path: Path
    n_rows: int
    was_current: bool


@dataclass(frozen=True)
class Status:
    """The ledger, the round that is open, and the scores of what was submitted.

    Attributes:
        round: None if none is open, or there is a problem.
        ledger: every attempt; needs no network.
        scores: of each model's submissions.
        problem: why the tournament could not be asked, or not for everything.
    """

    round: Round | None
    ledger: list[LedgerRow]
    scores: dict[str, list[RoundScore]]
    problem: PipelineError | None = None


@dataclass
class _Answers:
    round: Round | None = None
    scores: dict[str, list[RoundScore]] = field(default_factory=dict)
    problem: Exception | None = None


def predict(
    pipeline: Pipeline, names: Sequence[str], *, force: bool = False
) -> list[Prediction]:
    """Predict the open round's live data with the models' best epochs.

    Nothing is predicted twice: the file is kept as long as it comes from the same
    run and the same live data, unless ``force`` is given.

    Returns:
        One a model, in the order of the names; the files are
        ``rounds/NUMBER/predictions_NAME.csv``.

    Raises:
        TournamentRefused: if no round is open.
        TournamentBusy: if the tournament still serves the live data of an earlier
            round.
    """
    runs = {name: best_run(pipeline, name) for name in names}
    round_number = pipeline.tournament.current_round().number
    live = download_live(pipeline, round_number, force=force)
    earlier = earlier_live(live)
    if earlier is not None:
        raise TournamentBusy(
            f"{live} is the live data of round {earlier.parent.name}: "
            f"{pipeline.tournament.host} does not serve that of round {round_number} "
            "yet. Rerun in some minutes; it is then fetched again."
        )
    live_sha256 = sha256_of(live)
    predictions = []
    for name, run in runs.items():
        path = predictions_path(pipeline, round_number, name)
        origin = Origin(run.folder.name, live_sha256)
        n_rows = None if force else noted_rows(path, origin)
        was_current = n_rows is not None
        if n_rows is None:
            frame = predict_live([run], live, progress=pipeline.progress)
            n_rows = len(frame)
            write_noted(frame, path, origin)
        predictions.append(Prediction(name, round_number, path, n_rows, was_current))
    return predictions


def submit(
    pipeline: Pipeline,
    names: Sequence[str] = (),
    *,
    replace: bool = False,
    force: bool = False,
) -> list[Receipt]:
    """Submit the open round's predictions, at most once a round and model.

    Args:
        pipeline: the workspace.
        names: models to submit; by default all of ``[submission] models``.
        replace: submit again when other predictions were submitted already.
        force: submit the files as they are, although they are not what the models'
            runs predicted for the round's live data.

    Raises:
        ConfigError: if a model has no name at Numerai, or one that Numerai does not
            know, or nothing is to be submitted. Nothing is submitted then, not even
            the models that could be.
        DataError: if nothing was predicted for the round, or something else than the
            model's run predicts for its live data.
        TournamentRefused: if no round is open.
    """
    addressed = pipeline.settings.submission.models
    chosen = tuple(names) or tuple(addressed)
    if not chosen:
        raise ConfigError(
            f"{pipeline.workspace.settings_path.name} [submission] models is empty. "
            'Write models = { mlp = "your_numerai_model" } there.'
        )
    for name in chosen:
        if name not in addressed:
            raise ConfigError(
                f"{pipeline.workspace.settings_path.name} [submission] models does not "
                f"say which Numerai model '{name}' is. Add {name} = "
                '"your_numerai_model" to it.'
            )
    round_number = pipeline.tournament.current_round().number
    paths = {name: predictions_path(pipeline, round_number, name) for name in chosen}
    for name, path in paths.items():
        if not path.is_file():
            raise DataError(
                f"{path} does not exist: '{name}' has no predictions for round "
                f"{round_number}. Run `nai predict {name}` first."
            )
    for name in chosen:
        model_id(pipeline.tournament, addressed[name])
    live = pipeline.workspace.round_dir(round_number) / "live.parquet"
    ids = live_ids(live)
    for name, path in paths.items():
        # What was submitted before a retraining stays submitted.
        confirmed = pipeline.ledger.find_confirmed(
            tournament=pipeline.tournament.host, round_number=round_number, model=name
        )
        is_new = confirmed is None or confirmed.sha256 != sha256_of(path)
        if (is_new or replace) and not force:
            check_origin(path, run=best_run(pipeline, name).folder.name, live=live)
    return [
        submit_once(
            pipeline.tournament,
            pipeline.ledger,
            pipeline.clock,
            name=name,
            numerai_name=addressed[name],
            predictions=path,
            live_ids=ids,
            round_number=round_number,
            replace=replace,
        )
        for name, path in paths.items()
    ]


def status(pipeline: Pipeline) -> Status:
    """Read the ledger, then ask the tournament for a few seconds.

    Nothing is written, so that it works where nothing can be.
    """
    rows = pipeline.read_ledger()
    answers = _Answers()
    # In a thread: looking up a host's name cannot be given a time limit.
    asking = threading.Thread(target=_ask, args=(pipeline, rows, answers), daemon=True)
    asking.start()
    asking.join(_STATUS_SECONDS)
    problem = answers.problem
    if asking.is_alive():
        problem = TournamentBusy(
            f"the tournament did not answer within {_STATUS_SECONDS} s. Check the "
            "network, then rerun; the ledger is complete."
        )
    if problem is not None and not isinstance(problem, PipelineError):
        raise problem
    return Status(answers.round, rows, dict(answers.scores), problem)


def _ask(pipeline: Pipeline, rows: list[LedgerRow], answers: _Answers) -> None:
    settings = pipeline.settings.tournament
    hurried = settings.model_copy(
        update={
            "timeout_seconds": min(settings.timeout_seconds, _REQUEST_SECONDS),
            "deadline_seconds": min(settings.deadline_seconds, _REQUEST_SECONDS),
        }
    )
    try:
        tournament = connect(hurried, clock=pipeline.clock, environ=pipeline.environ)
        try:
            answers.round = tournament.current_round()
        except NoOpenRound:
            answers.round = None
        model_ids = {row.model: row.model_id for row in rows if row.model_id}
        for name, id_ in sorted(model_ids.items()):
            answers.scores[name] = tournament.scores(id_)
    except Exception as error:  # noqa: BLE001 - handed to the thread that asked
        answers.problem = error


def predictions_path(pipeline: Pipeline, round_number: int, name: str) -> Path:
    """Return where a model's predictions for a round stand."""
    return pipeline.workspace.round_dir(round_number) / f"predictions_{name}.csv"
