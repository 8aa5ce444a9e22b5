"""One score per era, and the summary of the eras."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# A std below this is the rounding error of equal scores, which lie in [-1, 1].
_NO_SPREAD = 1e-15


@dataclass(frozen=True)
class Summary:
    """The summary of the scores of many eras; NaN where it is not defined.

    Attributes:
        mean: over the eras.
        std: over the eras, of the population (ddof 0).
        sharpe: mean / std.
        max_drawdown: the deepest fall of the cumulative sum, not negative.
        n_eras: eras that have a score.
        n_undefined: eras that have none, left out of all the above.
    """

    mean: float
    std: float
    sharpe: float
    max_drawdown: float
    n_eras: int
    n_undefined: int = 0

    def to_dict(self) -> dict[str, float | int | None]:
        """Return it for JSON, which has no NaN: None stands there.

        >>> Summary(0.02, 0.0, math.nan, 0.0, 1).to_dict()["sharpe"] is None
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

    def summary(self) -> Summary:
        """Return mean, std, Sharpe and max drawdown of the eras that have a score.

        Source: Numerai's notebook ``hello_numerai``: std with ddof 0, drawdown
        ``(cumsum.expanding(min_periods=1).max() - cumsum).max()``. Its running
        maximum starts at the first era's score, so a loss in the first era is no
        drawdown.
        """
        values = self.values[~np.isnan(self.values)]
        n_undefined = len(self.values) - len(values)
        if len(values) == 0:
            return Summary(math.nan, math.nan, math.nan, math.nan, 0, n_undefined)
        mean, std = float(values.mean()), float(values.std())
        total = values.cumsum()
        return Summary(
            mean=mean,
            std=std,
            sharpe=math.nan if std <= _NO_SPREAD else mean / std,
            max_drawdown=float((np.maximum.accumulate(total) - total).max()),
            n_eras=len(values),
            n_undefined=n_undefined,
        )
