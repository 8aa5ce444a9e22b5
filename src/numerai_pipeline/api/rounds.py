"""One round: ``predict``, ``submit``, ``status``."""

import threading
from dataclasses import asdict, dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.data import fetch_live
from numerai_pipeline.api.outcomes import Outcome, Outcomes, each
from numerai_pipeline.api.parameters import Names, names_of
from numerai_pipeline.api.production import (
    ProductionRun,
    note_of,
    production,
    production_runs,
)
from numerai_pipeline.api.results import Result, flat, frame_of, html_of, plain
from numerai_pipeline.core import (
    ConfigError,
    DataError,
    PipelineError,
    TournamentBusy,
    columns,
    explain,
    sha256_of,
)

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.submission import LedgerRow, Receipt
    from numerai_pipeline.tournament import Round, RoundScore


# Whoever asks for the status waits; what the tournament has not answered by then is
# left out. The first is for each request, the second for all of them.
_REQUEST_SECONDS = 4
_STATUS_SECONDS = 8


@dataclass(frozen=True)
class Prediction:
    """A model's predictions for a round.

    Attributes:
        run: the run that predicted.
        note: why another run might have been expected; empty if there is no reason.
        left_out: of an ensemble: members that could not predict, and why.
    """

    name: str
    round_number: int
    path: Path
    n_rows: int
    was_current: bool
    run: "ProductionRun"
    note: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submission:
    """A model's submission: its receipt, and the run that predicted.

    Attributes:
        run: None where a file was submitted that no run of the model predicted.
    """

    receipt: "Receipt"
    run: "ProductionRun | None"

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt's fields, and ``run``."""
        return {**self.receipt.to_dict(), "run": plain(self.run)}


class Predicted(Outcomes[Prediction]):
    """The predictions of each model."""

    @property
    def table(self) -> "pd.DataFrame":
        """A row per model, by ``name``: round_number, path, n_rows, was_current."""
        return frame_of(flat(self.to_dict()), "name")

    @property
    def predictions(self) -> "pd.DataFrame":
        """The live rows by ``id``, and a column per model."""
        import pandas as pd

        series = {
            name: pd.read_csv(made.path, index_col=columns.ID)[columns.PREDICTION]
            for name, made in self.results.items()
        }
        return pd.DataFrame(series)


class Submitted(Outcomes[Submission]):
    """The receipt of each model."""

    @property
    def table(self) -> "pd.DataFrame":
        """The receipts, by the model's ``name``."""
        return frame_of(flat(self.to_dict()), "name")


@dataclass(frozen=True, repr=False)
class Status(Result):
    """The ledger, the round that is open, and the scores of what was submitted.

    Attributes:
        round: None if no round is open, or there is a problem.
        rows: every intent, upload and confirmation; needs no network.
        scores_of: each submitted model's scores, by its name.
        production: the run of each model that is to be submitted, by its name.
        problem: why the tournament could not be asked, or not for everything.
    """

    round: "Round | None"
    rows: "list[LedgerRow]"
    scores_of: "dict[str, list[RoundScore]]"
    production: dict[str, ProductionRun]
    problem: PipelineError | None = None

    @property
    def exit_code(self) -> int:
        """That of the problem; 0 without one."""
        return 0 if self.problem is None else self.problem.exit_code

    @property
    def errors(self) -> dict[str, Exception]:
        """The problem, if there is one."""
        return {} if self.problem is None else {"tournament": self.problem}

    def to_dict(self) -> dict[str, Any]:
        """Return round, ledger, production runs, scores and problem."""
        record = {
            "round": self.round,
            "ledger": self.rows,
            "production": self.production,
            "scores": self.scores_of,
            "problem": None if self.problem is None else explain(self.problem)[1],
        }
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
        sentence = escape(self.sentence)
        return f"<p>{sentence}</p>{html_of(self.ledger)}{html_of(self.latest)}"

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.ledger}\n{self.latest}"

    @property
    def sentence(self) -> str:
        """Which round is open, and how long."""
        if self.problem is not None:
            return explain(self.problem)[1]
        if self.round is None:
            return "no round is open"
        return (
            f"round {self.round.number} is open until "
            f"{self.round.closes:%Y-%m-%d %H:%M} UTC"
        )


class RoundCommands(Base):
    """The commands of a round."""

    def predict(self, names: Names, *, force: bool = False) -> Predicted:
        """Predict the open round's live data with each model's production run.

        The predictions are checked and ranked into (0, 1). An existing file is kept if
        it comes from the same run and the same live data, and no member of an ensemble
        was missing.

        Args:
            names: Models of the workspace.
            force: Download and predict again.

        Returns:
            The outcome of each model, in the order of the names; the files are
            ``rounds/NUMBER/predictions_NAME.csv``.

        Raises:
            TournamentRefused: if no round is open.
            TournamentBusy: if the tournament still serves the live data of an earlier
                round.

        Examples:
            nai predict mlp lightgbm
        """
        from numerai_pipeline.evaluation import LIVE_BENCHMARKS
        from numerai_pipeline.prediction import (
            Origin,
            earlier_live,
            noted_rows,
            predict_live,
            write_noted,
        )

        chosen = names_of(names)
        runs = {one.name: one for one in each(chosen, lambda n: production(self, n))}
        if not any(one.error is None for one in runs.values()):
            return Predicted([Outcome(n, error=one.error) for n, one in runs.items()])
        round_number = self.tournament.current_round().number
        live = fetch_live(self, round_number, force=force)
        earlier = earlier_live(live)
        if earlier is not None:
            raise TournamentBusy(
                f"{live} is the live data of round {earlier.parent.name}: "
                f"{self.tournament.host} does not serve that of round {round_number} "
                "yet. Rerun in some minutes; it is then fetched again."
            )
        live_sha256 = sha256_of(live)

        @cache
        def benchmarks_sha256() -> str:
            file = fetch_live(self, round_number, file=LIVE_BENCHMARKS, force=force)
            return sha256_of(file)

        def predicted(name: str) -> Prediction:
            run = runs[name].get()
            path = predictions_path(self, round_number, name)
            needs = run.recipe.prediction.neutralize.benchmarks
            origin = Origin(
                run.folder.name, live_sha256, benchmarks_sha256() if needs else ""
            )
            n_rows = None if force else noted_rows(path, origin)
            was_current = n_rows is not None
            left_out: list[str] = []
            if n_rows is None:
                frame = predict_live(
                    run, live, progress=self.progress, on_missing=left_out.append
                )
                n_rows = len(frame)
                write_noted(frame, path, origin, is_whole=not left_out)
            return Prediction(
                name,
                round_number,
                path,
                n_rows,
                was_current,
                run=ProductionRun.of(run),
                note=note_of(self, run),
                left_out=tuple(left_out),
            )

        return Predicted(each(chosen, predicted))

    def submit(
        self, names: Names = (), *, replace: bool = False, force: bool = False
    ) -> Submitted:
        """Submit the open round's predictions at most once, and verify the upload.

        Args:
            names: Models to submit; by default all in numerai.toml.
            replace: Submit again even if this round already has a submission.
            force: Submit a file even if it is not what the model's run predicted for
                this round; to submit again use --replace.

        Returns:
            The outcome of each model, in the order of the names.

        Raises:
            ConfigError: if a model has no name at Numerai, or one that Numerai does
                not know, or nothing is to be submitted.
            DataError: if nothing was predicted for the round, or something else than
                the model's run predicts for its live data.
            TournamentRefused: if no round is open.

        Examples:
            nai submit mlp
        """
        from numerai_pipeline.prediction import check_origin, live_ids
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
        live = self.workspace.round_dir(round_number) / "live.parquet"

        def submitted(name: str) -> Submission:
            numerai_name = addresses[name].get()
            path = predictions_path(self, round_number, name)
            if not path.is_file():
                raise DataError(
                    f"{path} does not exist: '{name}' has no predictions for round "
                    f"{round_number}. Run `nai predict {name}` first."
                )
            model_id(self.tournament, numerai_name)
            # What was submitted before another run was promoted stays submitted.
            confirmed = self.ledger.find_confirmed(
                tournament=self.tournament.host, round_number=round_number, model=name
            )
            is_new = confirmed is None or confirmed.sha256 != sha256_of(path)
            if (is_new or replace) and not force:
                run = production(self, name)
                check_origin(path, run=run.folder.name, live=live)
            receipt = submit_once(
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
            return Submission(receipt, _run_of(self, name, path))

        return Submitted(each(chosen, submitted))

    def status(self) -> Status:
        """Show the ledger, the open round, and the scores of submissions.

        The ledger is shown even without a network; the tournament has a few seconds to
        answer. Nothing is written.

        Examples:
            nai status --json
        """
        rows = self.read_ledger().rows()
        answers = _Answers()
        # In a thread: looking up a host's name cannot be given a time limit.
        asking = threading.Thread(target=_ask, args=(self, rows, answers), daemon=True)
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
        return Status(
            answers.round,
            rows,
            dict(answers.scores),
            production_runs(self),
            problem,
        )


@dataclass
class _Answers:
    round: "Round | None" = None
    scores: "dict[str, list[RoundScore]]" = field(default_factory=dict)
    problem: Exception | None = None


def _ask(project: Base, rows: "list[LedgerRow]", answers: _Answers) -> None:
    from numerai_pipeline.tournament import NoOpenRound, connect

    settings = project.settings.tournament
    hurried = settings.model_copy(
        update={
            "timeout_seconds": min(settings.timeout_seconds, _REQUEST_SECONDS),
            "deadline_seconds": min(settings.deadline_seconds, _REQUEST_SECONDS),
        }
    )
    try:
        tournament = connect(hurried, clock=project.clock, environ=project.environ)
        try:
            answers.round = tournament.current_round()
        except NoOpenRound:
            answers.round = None
        model_ids = {row.model: row.model_id for row in rows if row.model_id}
        for name, id_ in sorted(model_ids.items()):
            answers.scores[name] = tournament.scores(id_)
    except Exception as error:  # noqa: BLE001 - handed to the thread that asked
        answers.problem = error


def _run_of(project: Base, name: str, predictions: Path) -> ProductionRun | None:
    """Return the run that the note beside predictions names."""
    from numerai_pipeline.prediction import noted_run
    from numerai_pipeline.training import Run

    run = noted_run(predictions)
    folder = project.workspace.runs_dir(name) / run
    try:
        return ProductionRun.of(Run.open(folder)) if run else None
    except DataError:  # deleted since; the submission still counts
        return None


def predictions_path(project: Base, round_number: int, name: str) -> Path:
    """Return where a model's predictions for a round are."""
    return project.workspace.round_dir(round_number) / f"predictions_{name}.csv"
