"""What ``score`` returns."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.outcomes import Outcome, Outcomes
from numerai_pipeline.api.results import empty_figure, plain
from numerai_pipeline.core import columns

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.api.figure import CellFigure
    from numerai_pipeline.evaluation import Evaluation, ScoreRow, Sweep, Trials
    from numerai_pipeline.submission import Opening


class Scored(Outcomes["Evaluation"]):
    """Scores of models out-of-sample: ``scored["mlp"]`` is one model's.

    Args:
        outcomes: of each model.
        openings: each time that the lockbox was opened so far.
        has_sweep: whether the scores by proportion of neutralization are wanted.
    """

    def __init__(
        self,
        outcomes: "Sequence[Outcome[Evaluation]]",
        openings: "Sequence[Opening]" = (),
        *,
        has_sweep: bool = False,
    ) -> None:
        super().__init__(outcomes)
        self.has_sweep = has_sweep
        self.openings = tuple(openings)

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping by model; a failed one says why."""
        return {
            one.name: one.error_dict()
            or {
                **plain(one.get()),
                "trials": plain(self.trials[one.name]),
                "lockbox_openings": len(self.openings),
                **self._sweep_dict(one.name),
            }
            for one in self.outcomes
        }

    @cached_property
    def trials(self) -> "dict[str, Trials]":
        """Of each model, how many runs it was chosen from."""
        from numerai_pipeline.evaluation import trials_of

        return {name: trials_of(found) for name, found in self.results.items()}

    @cached_property
    def sweeps(self) -> "dict[str, Sweep]":
        """Of each model, its scores by proportion of neutralization."""
        from numerai_pipeline.evaluation import sweep_of

        return {name: sweep_of(found) for name, found in self.results.items()}

    def _sweep_dict(self, name: str) -> dict[str, Any]:
        return {"sweep": plain(self.sweeps[name])} if self.has_sweep else {}

    @property
    def table(self) -> "pd.DataFrame":
        """A row per score, by ``who`` and ``metric``: mean, low, high, std, ...

        The metric is written with what it is of, such as ``CORR``, ``FNC(medium)``.
        """
        return self._shown.sort_index()

    @cached_property
    def _shown(self) -> "pd.DataFrame":
        """The same rows, the models' own first."""
        import pandas as pd

        index = ["who", "metric"]
        rows = [
            {"who": who, "metric": row.label, **row.summary.to_dict()}
            for who, row in self._rows(self.results)
        ]
        frame = pd.DataFrame(rows, columns=None if rows else index)
        return frame.drop_duplicates(index).set_index(index)

    @cached_property
    def per_era(self) -> "pd.DataFrame":
        """A row per ``era``, and a column per ``who`` and ``metric``."""
        import pandas as pd

        series = {
            (who, row.label): pd.Series(row.scores.values, index=row.scores.eras)
            for who, row in self._rows(self._evaluations)
        }
        frame = pd.DataFrame(series).rename_axis("era")
        return frame.rename_axis(columns=["who", "metric"])

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """The scored rows by ``era`` and ``id``, and a column per model.

        Out-of-sample: the model did not learn from these eras.
        """
        import pandas as pd

        series = {
            name: pd.read_parquet(evaluation.predictions).set_index(
                [columns.ERA, columns.ID]
            )[columns.PREDICTION]
            for name, evaluation in self._evaluations.items()
        }
        return pd.DataFrame(series)

    @property
    def figure(self) -> "CellFigure":
        """One model beside its references, or several beside each other."""
        from numerai_pipeline.evaluation import draw_comparison, draw_scores

        figure = empty_figure()
        if len(self._evaluations) == 1:
            [evaluation] = self._evaluations.values()
            draw_scores(figure, evaluation)
        else:
            draw_comparison(figure, self._evaluations)
        return figure

    def _rows(
        self, evaluations: "Mapping[str, Evaluation]"
    ) -> "Iterator[tuple[str, ScoreRow]]":
        """Yield all scores; a model's own under the name that it was asked for by."""
        for name, evaluation in evaluations.items():
            for row in evaluation.rows:
                yield name if row.who == evaluation.model else row.who, row

    @property
    def _evaluations(self) -> "dict[str, Evaluation]":
        """The results; where every model failed, the first error is raised."""
        if not self.results:
            self.outcomes[0].get()
        return self.results


def _rows(evaluations: "Mapping[str, Evaluation]") -> "Iterator[tuple[str, ScoreRow]]":
    """Yield all scores and whose they are; two runs of a model keep their own names."""
    for name, evaluation in evaluations.items():
        for row in evaluation.rows:
            yield name if row.who == evaluation.model else row.who, row
