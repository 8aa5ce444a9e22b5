"""One round: live data, predictions, submissions, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from numerai_pipeline.api.base import Pipeline
from numerai_pipeline.api.data import download_live
from numerai_pipeline.api.models import best_run
from numerai_pipeline.core import (
    ConfigError,
    DataError,
    read_json,
    sha256_of,
    write_json,
)
from numerai_pipeline.prediction import live_ids, predict_live, write_predictions
from numerai_pipeline.submission import LedgerRow, Receipt, model_id, submit_once
from numerai_pipeline.tournament import NoOpenRound, Round, RoundScore


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
    """The round that is open, the ledger, and the scores of what was submitted."""

    round: Round | None
    ledger: list[LedgerRow]
    scores: dict[str, list[RoundScore]]


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
    """
    runs = {name: best_run(pipeline, name) for name in names}
    round_number = pipeline.tournament.current_round().number
    live = download_live(pipeline, round_number, force=force)
    live_sha256 = sha256_of(live)
    predictions = []
    for name, run in runs.items():
        path = predictions_path(pipeline, round_number, name)
        origin = {"run": run.folder.name, "live_sha256": live_sha256}
        note = path.with_suffix(".json")
        is_current = path.is_file() and note.is_file()
        if is_current:
            known = read_json(note)
            is_current = isinstance(known, dict) and (
                (known.get("origin"), known.get("sha256")) == (origin, sha256_of(path))
            )
        if is_current and not force:
            n_rows = int(read_json(note)["rows"])
        else:
            frame = predict_live([run], live, progress=pipeline.progress)
            n_rows = len(frame)
            note.unlink(missing_ok=True)
            write_predictions(frame, path)
            record = {"origin": origin, "rows": n_rows, "sha256": sha256_of(path)}
            write_json(note, record)
        predictions.append(
            Prediction(name, round_number, path, n_rows, is_current and not force)
        )
    return predictions


def submit(
    pipeline: Pipeline, names: Sequence[str] = (), *, replace: bool = False
) -> list[Receipt]:
    """Submit the open round's predictions, at most once a round and model.

    Args:
        pipeline: the workspace.
        names: models to submit; by default all of ``[submission] models``.
        replace: submit again when other predictions were submitted already.

    Raises:
        ConfigError: if a model has no name at Numerai, or one that Numerai does not
            know, or nothing is to be submitted. Nothing is submitted then, not even
            the models that could be.
        DataError: if nothing was predicted for the round.
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
    ids = live_ids(pipeline.workspace.round_dir(round_number) / "live.parquet")
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
    """Read the ledger and ask the tournament what became of it."""
    try:
        current = pipeline.tournament.current_round()
    except NoOpenRound:
        current = None
    rows = pipeline.ledger.rows()
    model_ids = {row.model: row.model_id for row in rows if row.model_id}
    scores = {
        name: pipeline.tournament.scores(model_id)
        for name, model_id in sorted(model_ids.items())
    }
    return Status(round=current, ledger=rows, scores=scores)


def predictions_path(pipeline: Pipeline, round_number: int, name: str) -> Path:
    """Return where a model's predictions for a round stand."""
    return pipeline.workspace.round_dir(round_number) / f"predictions_{name}.csv"
