"""One score per era, and the summary of the eras."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.scoring.intervals import (
    mean_interval,
    n_effective,
    sharpe_interval,
)


@dataclass(frozen=True)
class Summary:
    """The summary of the scores of many eras; NaN where it is not defined.

    Attributes:
        mean: over the eras.
        low: lower end of the 95 % interval of the mean; NaN below eight horizons.
        high: its upper end.
        std: over the eras, of the population (ddof 0).
        sharpe: mean / std.
        sharpe_low: lower end of its 95 % interval; NaN below eight horizons.
        sharpe_high: its upper end.
        max_drawdown: the deepest fall of the cumulative sum, not negative.
        n_eras: eras that have a score.
        n_effective: independent eras that are worth as much; NaN below eight horizons.
        n_undefined: eras that have no score, left out of all the above.
    """

    mean: float
    low: float
    high: float
    std: float
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    max_drawdown: float
    n_eras: int
    n_effective: float
    n_undefined: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return it for JSON, which has no NaN: None stands there.

        >>> one = Scores(np.array([1]), np.array([0.02])).summary()
        >>> one.to_dict()["sharpe"] is None
        True
        """
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, eq=False)
class Scores:
    """One score per era.

    Attributes:
        eras: ``(n_eras,)`` integers, ascending.
        values: ``(n_eras,)`` float64, NaN where the score is not defined.

    >>> Scores(np.array([1, 2, 3]), np.array([0.03, -0.01, 0.01])).summary().mean
    0.01
    """

    eras: npt.NDArray[np.integer[Any]]
    values: npt.NDArray[np.float64]

    @property
    def defined(self) -> "Scores":
        """The eras that have a score."""
        is_defined = ~np.isnan(self.values)
        return Scores(self.eras[is_defined], self.values[is_defined])

    def horizon_in_scores(self, horizon: int) -> int:
        """Return how many scores a number of eras is, at the median step of the eras.

        >>> Scores(np.arange(1, 80, 4), np.zeros(20)).horizon_in_scores(12)
        3
        """
        if len(self.eras) < 2:
            return horizon
        return max(1, math.ceil(horizon / float(np.median(np.diff(self.eras)))))

    def summary(self, *, horizon: int = 4) -> Summary:
        """Return mean, Sharpe, their intervals and the max drawdown.

        Args:
            horizon: era numbers that the target looks ahead: 4 for 20 days, 12 for 60.

        Source: Numerai's notebook ``hello_numerai``: std with ddof 0, drawdown
        ``(cumsum.expanding(min_periods=1).max() - cumsum).max()``. Its running
        maximum starts at the first era's score, so a loss in the first era is no
        drawdown. Intervals: ``mean_interval`` and ``sharpe_interval``.
        """
        kept = self.defined
        values = kept.values
        apart = kept.horizon_in_scores(horizon)
        mean = mean_interval(values, horizon=apart)
        ratio = sharpe_interval(values, horizon=apart)
        return Summary(
            mean=mean.mean,
            low=mean.low,
            high=mean.high,
            std=float(values.std()) if len(values) else math.nan,
            sharpe=ratio.mean,
            sharpe_low=ratio.low,
            sharpe_high=ratio.high,
            max_drawdown=_max_drawdown(values),
            n_eras=len(values),
            n_effective=n_effective(values, horizon=apart),
            n_undefined=len(self.values) - len(values),
        )


def _max_drawdown(values: npt.NDArray[np.float64]) -> float:
    if len(values) == 0:
        return math.nan
    total = values.cumsum()
    return float((np.maximum.accumulate(total) - total).max())
