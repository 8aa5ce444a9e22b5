"""What the calls return: frames and figures, and how a notebook shows them."""

from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from numerai_pipeline.core import columns
from numerai_pipeline.operations import Status
from numerai_pipeline.prediction import Evaluation, draw_comparison, draw_scores
from numerai_pipeline.python.opening import frame_of
from numerai_pipeline.tournament import Round
from numerai_pipeline.training import BestEpoch, Run, draw_training

if TYPE_CHECKING:
    from numerai_pipeline.python.figure import CellFigure


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        run: its run folder.
    """

    run: Run

    @property
    def name(self) -> str:
        """The model's name."""
        return self.run.name

    @cached_property
    def best(self) -> BestEpoch:
        """The best epoch: number, value, file."""
        return self.run.best()

    @cached_property
    def history(self) -> pd.DataFrame:
        """Its ``history.csv``, by ``epoch``."""
        return frame_of(self.run.history(), "epoch")

    @property
    def figure(self) -> "CellFigure":
        """The curves, the best epoch marked."""
        figure = _figure()
        draw_training(figure, self.run.chart())
        return figure

    def __repr__(self) -> str:
        best = self.best
        return (
            f"Trained({self.name}: best at {best.epoch}, {self.run.monitor} "
            f"{best.value:.5f}, in {self.run.folder})"
        )


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of models on held-out eras.

    Attributes:
        evaluations: a model's name -> all that was scored.
    """

    evaluations: dict[str, Evaluation]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a score, by ``who`` and ``metric``: mean, std, sharpe, ..."""
        rows = [
            {"who": row.who, "metric": row.metric, **row.summary.to_dict()}
            for evaluation in self.evaluations.values()
            for row in evaluation.rows
        ]
        frame = pd.DataFrame(rows).drop_duplicates(["who", "metric"])
        return frame.set_index(["who", "metric"])

    @cached_property
    def per_era(self) -> pd.DataFrame:
        """A row an ``era``, and a column a score: ``who``, ``metric``."""
        series = {
            (row.who, row.metric): pd.Series(row.scores.values, index=row.scores.eras)
            for evaluation in self.evaluations.values()
            for row in evaluation.rows
        }
        frame = pd.DataFrame(series).rename_axis("era")
        return frame.rename_axis(columns=["who", "metric"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The held-out rows by ``era`` and ``id``, and a column a model.

        Out of sample: no model was trained on these eras.
        """
        series = {
            name: pd.read_parquet(evaluation.predictions).set_index(
                [columns.ERA, columns.ID]
            )[columns.PREDICTION]
            for name, evaluation in self.evaluations.items()
        }
        return pd.DataFrame(series)

    @property
    def figure(self) -> "CellFigure":
        """One model beside its references, or several beside each other."""
        evaluations = list(self.evaluations.values())
        figure = _figure()
        if len(evaluations) == 1:
            draw_scores(figure, evaluations[0])
        else:
            draw_comparison(figure, evaluations)
        return figure

    def _repr_html_(self) -> str:
        return _html(self.table)

    def __repr__(self) -> str:
        return repr(self.table)


@dataclass(frozen=True)
class Standing:
    """Where the workspace's models stand in the tournament.

    Attributes:
        round: the open round; None if none is.
        ledger: every intent, upload and confirmation.
        scores: each submission's scores, by model, round, score and day.
        problem: why the tournament could not be asked, if it could not.
    """

    round: Round | None
    ledger: pd.DataFrame
    scores: pd.DataFrame
    problem: str | None = None

    @classmethod
    def of(cls, status: Status) -> "Standing":
        """Make it from what the operations found."""
        scores = pd.DataFrame(
            [
                {"model": model, **asdict(score)}
                for model, scores in status.scores.items()
                for score in scores
            ],
            columns=[
                *("model", "round_number", "name", "day"),
                *("value", "percentile", "is_resolved"),
            ],
        )
        index = ["model", "round_number", "name", "day"]
        return cls(
            round=status.round,
            ledger=frame_of(status.ledger, "id"),
            scores=scores.set_index(index).sort_index(),
            problem=None if status.problem is None else str(status.problem),
        )

    @property
    def latest(self) -> pd.DataFrame:
        """The newest day's scores of each submission."""
        return self.scores.groupby(level=["model", "round_number", "name"]).tail(1)

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._round)}</p>{_html(self.ledger)}{_html(self.latest)}"

    def __repr__(self) -> str:
        return f"{self._round}\n{self.ledger}\n{self.latest}"

    @property
    def _round(self) -> str:
        if self.round is None:
            return self.problem or "no round is open"
        return (
            f"round {self.round.number} is open until "
            f"{self.round.closes:%Y-%m-%d %H:%M} UTC"
        )


@dataclass(frozen=True)
class Description:
    """What a file or folder holds.

    Attributes:
        values: what is said in one value.
        tables: what is said of many: splits, columns, history.
    """

    values: "pd.Series[Any]"
    tables: dict[str, pd.DataFrame]

    @classmethod
    def of(cls, found: dict[str, Any]) -> "Description":
        """Make it from what the operations found."""
        tables = {
            key: pd.DataFrame(value)
            for key, value in found.items()
            if isinstance(value, list) and value and isinstance(value[0], dict)
        }
        values = {key: value for key, value in found.items() if key not in tables}
        return cls(pd.Series(values, dtype=object), tables)

    def _repr_html_(self) -> str:
        parts = [_html(self.values.to_frame("value"))]
        for title, table in self.tables.items():
            parts.append(f"<p><b>{title}</b></p>{_html(table)}")
        return "".join(parts)

    def __repr__(self) -> str:
        parts = [repr(self.values)]
        parts += [f"{title}\n{table}" for title, table in self.tables.items()]
        return "\n\n".join(parts)


def _html(frame: pd.DataFrame) -> str:
    return str(frame.to_html(max_rows=20, na_rep="–", float_format="{:.4f}".format))


def _figure() -> "CellFigure":
    from numerai_pipeline.python.figure import CellFigure

    return CellFigure(layout="constrained")
