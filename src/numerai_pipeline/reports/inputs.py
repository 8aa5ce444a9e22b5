"""What a report shows: evaluations, and what else is known of their models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from numerai_pipeline.core import EvaluationSettings
from numerai_pipeline.evaluation import (
    Comparison,
    EnsembleWeights,
    Evaluation,
    LeakReport,
    ScoreRow,
    Trials,
    common_eras,
)
from numerai_pipeline.reports.scales import Floats
from numerai_pipeline.training import Chart

# The style sheet has this many colours for models.
_N_LOOKS = 6


@dataclass(frozen=True, eq=False)
class ModelReport:
    """A model of a report.

    Attributes:
        name: of the model, such as ``mlp`` or ``mlp@RUN``.
        evaluation: its scores.
        leaks: its leak check, or that of another of its runs; None: none was made.
        trials: runs of the model, each of which could have been chosen; None: unknown.
        n_openings: how often its lockbox eras were scored.
        notes: what else to know of its scores, a sentence each.
        curves: its training curves, one of each fold.
        weights: of an ensemble: those of its members; None of other models.
        groups: feature group -> its features.
        recipe: what it was trained by.
        facts: what made it, such as the run, hashes and versions.
        commands: what to run to get the same.
    """

    name: str
    evaluation: Evaluation
    leaks: LeakReport | None = None
    trials: Trials | None = None
    n_openings: int = 0
    notes: tuple[str, ...] = ()
    curves: tuple[Chart, ...] = ()
    weights: EnsembleWeights | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[str, ...] = ()

    @property
    def corr(self) -> ScoreRow:
        """Its own CORR."""
        return self.evaluation.rows[0]


class Shown(NamedTuple):
    """A score as a chart shows it.

    Attributes:
        name: the model, benchmark or meta model.
        row: its score.
        look: the class of its colour.
    """

    name: str
    row: ScoreRow
    look: str


@dataclass(frozen=True, eq=False)
class Report:
    """What one page shows.

    Attributes:
        models: at least one.
        made: when, aware.
        version: of the program.
        numbers: the scores for other programs, as ``nai score --json`` prints them.
        comparison: the models and the benchmark in pairs; None where there is nothing
            to compare with.
        settings: what a payout is.
    """

    models: tuple[ModelReport, ...]
    made: datetime
    version: str
    numbers: Mapping[str, Any]
    comparison: Comparison | None = None
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)

    def look(self, model: ModelReport) -> str:
        """Return the class of the model's colour, the same in all charts."""
        return f"m{self.models.index(model) % _N_LOOKS + 1}"

    @property
    def names(self) -> str:
        """The models' names, separated by commas."""
        return ", ".join(model.name for model in self.models)

    def own(self, metric: str) -> list["Shown"]:
        """Return a score of each model that has it in some era."""
        found = [
            (model, row)
            for model in self.models
            if (row := model.evaluation.row(metric)) is not None
        ]
        return [
            Shown(model.name, row, self.look(model))
            for model, row in found
            if row.summary.n_eras
        ]

    def benchmark(self, metric: str) -> list["Shown"]:
        """Return a score of the benchmark that the models are compared with."""
        return self._of_reference(metric, self._first.benchmark, "reference")

    def meta_model(self, metric: str) -> list["Shown"]:
        """Return a score of the meta model."""
        return self._of_reference(metric, self._first.meta_model, "meta")

    def _of_reference(self, metric: str, who: str, look: str) -> list["Shown"]:
        row = self._first.row(metric, who) if who else None
        return [Shown(who, row, look)] if row is not None and row.summary.n_eras else []

    @property
    def _first(self) -> Evaluation:
        return self.models[0].evaluation


def common_values(rows: Sequence[ScoreRow]) -> tuple[Floats, list[Floats]]:
    """Return the eras in which all rows have a score, and the scores of each."""
    scores = common_eras(rows)
    return scores[0].eras.astype(float), [one.values for one in scores]
