"""What ``compare`` returns."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from numerai_pipeline.api.results import Result, empty_figure, plain

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.api.figure import CellFigure
    from numerai_pipeline.evaluation import Comparison, Evaluation


class Compared(Result):
    """Models in pairs, on the eras that both have.

    Args:
        comparison: the pairs and the correlations.
        evaluations: the scores of the models, in their order.
    """

    def __init__(
        self, comparison: "Comparison", evaluations: "tuple[Evaluation, ...]"
    ) -> None:
        self.comparison = comparison
        self.evaluations = evaluations

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row per pair and metric: difference, interval, p-value, verdict."""
        import pandas as pd

        return pd.DataFrame(self._pairs)

    @cached_property
    def correlations(self) -> "pd.DataFrame":
        """Correlation of the models' predictions, mean of the common eras."""
        import pandas as pd

        names = list(self.comparison.names)
        return pd.DataFrame(self.comparison.correlations, index=names, columns=names)

    @property
    def warnings(self) -> list[str]:
        """What makes scores too good, one sentence each."""
        return [
            f"{name}: {text}"
            for name, one in self._evaluations.items()
            for text in one.warnings
        ]

    @property
    def neutralized(self) -> dict[str, str]:
        """What was taken out of a model's predictions, in words, where anything was."""
        return {
            name: one.neutralized
            for name, one in self._evaluations.items()
            if one.neutralized
        }

    @property
    def figure(self) -> "CellFigure":
        """The cumulative CORR of the models on their common eras."""
        from numerai_pipeline.evaluation import draw_comparison

        figure = empty_figure()
        draw_comparison(figure, self._evaluations)
        return figure

    @property
    def heat_map(self) -> "CellFigure":
        """How alike the models' predictions are, a cell per pair."""
        from numerai_pipeline.evaluation import draw_similarity

        figure = empty_figure()
        draw_similarity(figure, self.comparison)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Return names, pairs, correlations, what is neutralized, and warnings."""
        return {
            "names": list(self.comparison.names),
            "pairs": self._pairs,
            "correlations": plain(self.comparison.correlations.tolist()),
            "neutralized": self.neutralized,
            "warnings": self.warnings,
        }

    @property
    def _evaluations(self) -> "dict[str, Evaluation]":
        # The last name may be the benchmark's, which has no evaluation of its own.
        return dict(zip(self.comparison.names, self.evaluations, strict=False))

    @property
    def _pairs(self) -> list[dict[str, Any]]:
        return [
            {
                "metric": pair.metric,
                "first": pair.first,
                "second": pair.second,
                **plain(pair.difference),
                "p_holm": plain(pair.p_value),
                "verdict": pair.verdict,
            }
            for pair in self.comparison.pairs
        ]
