"""One round: ``predict``, ``submit``, ``status``."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.data import fetch_live
from numerai_pipeline.api.models import best_run
from numerai_pipeline.api.outcomes import Outcomes, each
from numerai_pipeline.api.parameters import Names, names_of
from numerai_pipeline.api.results import Result, frame_of, html_of, plain
from numerai_pipeline.core import (
    ConfigError,
    DataError,
    columns,
    read_json,
    sha256_of,
    write_json,
)

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.submission import LedgerRow, Receipt
    from numerai_pipeline.tournament import Round, RoundScore


@dataclass(frozen=True)
class Prediction:
    """A model's predictions for a round."""

    name: str
    round_number: int
    path: Path
    n_rows: int
    was_current: bool


class Predicted(Outcomes[Prediction]):
    """The predictions of each model."""

    @property
    def table(self) -> "pd.DataFrame":
        """A row per model, by ``name``: round_number, path, n_rows, was_current."""
        return frame_of(self.to_dict(), "name")

    @property
    def predictions(self) -> "pd.DataFrame":
        """The live rows by ``id``, and a column per model."""
        import pandas as pd

        series = {
            name: pd.read_csv(made.path, index_col=columns.ID)[columns.PREDICTION]
            for name, made in self.results.items()
        }
        return pd.DataFrame(series)


class Submitted(Outcomes["Receipt"]):
    """The receipt of each model."""

    @property
    def table(self) -> "pd.DataFrame":
        """The receipts, by the model's ``name``."""
        return frame_of(self.to_dict(), "name")


@dataclass(frozen=True, repr=False)
class Status(Result):
    """The round that is open, the ledger, and the scores of what was submitted.

    Attributes:
        round: the open round; None if no round is open.
        rows: every intent, upload and confirmation.
        scores_of: each submitted model's scores, by its name.
    """

    round: "Round | None"
    rows: "list[LedgerRow]"
    scores_of: "dict[str, list[RoundScore]]"

    def to_dict(self) -> dict[str, Any]:
        """Return round, ledger and scores."""
        record = {"round": self.round, "ledger": self.rows, "scores": self.scores_of}
        return dict(plain(record))

    @property
    def table(self) -> "pd.DataFrame":
        """The newest day's scores of each submission."""
        return self.latest

    @property
    def ledger(self) -> "pd.DataFrame":
        """The ledger, by ``id``."""
        return frame_of(self.rows, "id")

    @property
    def scores(self) -> "pd.DataFrame":
        """Every score, by model, round, score and day."""
        import pandas as pd

        index = ["model", "round_number", "name", "day"]
        frame = pd.DataFrame(
            [
                {"model": model, **asdict(score)}
                for model, scores in self.scores_of.items()
                for score in scores
            ],
            columns=[*index, "value", "percentile", "is_resolved"],
        )
        return frame.set_index(index).sort_index()

    @property
    def latest(self) -> "pd.DataFrame":
        """The newest day's scores of each submission."""
        return self.scores.groupby(level=["model", "round_number", "name"]).tail(1)

    def _repr_html_(self) -> str:
        return f"<p>{self.sentence}</p>{html_of(self.ledger)}{html_of(self.latest)}"

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.ledger}\n{self.latest}"

    @property
    def sentence(self) -> str:
        """Which round is open, and how long."""
        if self.round is None:
            return "no round is open"
        return (
            f"round {self.round.number} is open until "
            f"{self.round.closes:%Y-%m-%d %H:%M} UTC"
        )


class RoundCommands(Base):
    """The commands of a round."""

    def predict(self, names: Names, *, force: bool = False) -> Predicted:
        """Predict the open round's live data: checked, ranked into (0, 1).

        Nothing is predicted twice: the file is kept as long as it comes from the same
        run and the same live data.

        Args:
            names: Models of the workspace.
            force: Fetch and predict again.

        Returns:
            The outcome of each model, in the order of the names; the files are
            ``rounds/NUMBER/predictions_NAME.csv``.

        Raises:
            TournamentRefused: if no round is open.

        Examples:
            nai predict mlp lightgbm
        """
        from numerai_pipeline.prediction import predict_live, write_predictions

        chosen = names_of(names)
        runs = {one.name: one for one in each(chosen, lambda n: best_run(self, n))}
        round_number = self.tournament.current_round().number
        live = fetch_live(self, round_number, force=force)
        live_sha256 = sha256_of(live)

        def predicted(name: str) -> Prediction:
            run = runs[name].get()
            path = predictions_path(self, round_number, name)
            origin = {"run": run.folder.name, "live_sha256": live_sha256}
            note = path.with_suffix(".json")
            is_current = path.is_file() and note.is_file()
            if is_current:
                known = read_json(note)
                is_current = isinstance(known, dict) and (
                    (known.get("origin"), known.get("sha256"))
                    == (origin, sha256_of(path))
                )
            if is_current and not force:
                n_rows = int(read_json(note)["rows"])
            else:
                frame = predict_live([run], live, progress=self.progress)
                n_rows = len(frame)
                note.unlink(missing_ok=True)
                write_predictions(frame, path)
                record = {"origin": origin, "rows": n_rows, "sha256": sha256_of(path)}
                write_json(note, record)
            return Prediction(
                name, round_number, path, n_rows, is_current and not force
            )

        return Predicted(each(chosen, predicted))

    def submit(self, names: Names = (), *, replace: bool = False) -> Submitted:
        """Submit the open round's predictions, at most once, and read them back.

        Args:
            names: Models to submit; by default all of numerai.toml.
            replace: Submit again when other predictions were submitted already.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            ConfigError: if a model has no name at Numerai, or one that Numerai does
                not know, or nothing is to be submitted.
            DataError: if nothing was predicted for the round.
            TournamentRefused: if no round is open.

        Examples:
            nai submit mlp
        """
        from numerai_pipeline.prediction import live_ids
        from numerai_pipeline.submission import model_id, submit_once

        addressed = self.settings.submission.models
        settings_name = self.workspace.settings_path.name
        chosen = names_of(names) or tuple(addressed)
        if not chosen:
            raise ConfigError(
                f"{settings_name} [submission] models is empty. "
                'Write models = { mlp = "your_numerai_model" } there.'
            )

        def require_address(name: str) -> str:
            if name not in addressed:
                raise ConfigError(
                    f"{settings_name} [submission] models does not "
                    f"say which Numerai model '{name}' is. Add {name} = "
                    '"your_numerai_model" to it.'
                )
            return addressed[name]

        addresses = {one.name: one for one in each(chosen, require_address)}
        round_number = self.tournament.current_round().number

        def submitted(name: str) -> "Receipt":
            numerai_name = addresses[name].get()
            path = predictions_path(self, round_number, name)
            if not path.is_file():
                raise DataError(
                    f"{path} does not exist: '{name}' has no predictions for round "
                    f"{round_number}. Run `nai predict {name}` first."
                )
            model_id(self.tournament, numerai_name)
            live = self.workspace.round_dir(round_number) / "live.parquet"
            return submit_once(
                self.tournament,
                self.ledger,
                self.clock,
                name=name,
                numerai_name=numerai_name,
                predictions=path,
                live_ids=live_ids(live),
                round_number=round_number,
                replace=replace,
            )

        return Submitted(each(chosen, submitted))

    def status(self) -> Status:
        """Show the open round, what was submitted and what it scored.

        Examples:
            nai status --json
        """
        from numerai_pipeline.tournament import NoOpenRound

        try:
            current = self.tournament.current_round()
        except NoOpenRound:
            current = None
        rows = self.ledger.rows()
        model_ids = {row.model: row.model_id for row in rows if row.model_id}
        scores = {
            name: self.tournament.scores(model_id)
            for name, model_id in sorted(model_ids.items())
        }
        return Status(current, rows, scores)


def predictions_path(project: Base, round_number: int, name: str) -> Path:
    """Return where a model's predictions for a round are."""
    return project.workspace.round_dir(round_number) / f"predictions_{name}.csv"
