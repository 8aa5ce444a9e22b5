"""Whether one model is better than another, and how many eras it takes to see it."""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from numerai_pipeline.scoring.eras import Doubles, Floats
from numerai_pipeline.scoring.intervals import (
    LEAST_HORIZONS,
    cosines_of,
    defined,
    mean_error,
    t_quantile,
)
from numerai_pipeline.scoring.scores import Scores

# A difference that takes more eras than this, thousands of years, is none.
_MOST_ERAS = 1_000_000


@dataclass(frozen=True)
class Difference:
    """How much higher one model scores than another on the same eras.

    Attributes:
        n_eras: common eras where both have a score.
        mean: of the differences; NaN without common eras.
        low: lower end of its 95 % interval; NaN below eight horizons.
        high: its upper end.
        p_value: two-sided, of no difference; NaN below eight horizons.
        eras_needed: scores as dense as these after which the interval leaves zero, if
            mean and spread stay as they are; None where it never does, or where there
            are too few eras to know.
    """

    n_eras: int
    mean: float
    low: float
    high: float
    p_value: float
    eras_needed: int | None


def difference(a: Scores, b: Scores, *, horizon: int) -> Difference:
    """Compare two models era by era.

    Args:
        a: scores of one model.
        b: scores of the other, by the same metric.
        horizon: era numbers that the target looks ahead: 4 for 20 days, 12 for 60.

    Returns:
        ``a - b`` over the eras where both are defined.

    Source: the interval of ``mean_interval`` on the paired differences.

    >>> eras = np.arange(1, 41)
    >>> wave = Scores(eras, 0.02 + 0.01 * np.sin(eras))
    >>> found = difference(wave, Scores(eras, np.full(40, 0.01)), horizon=4)
    >>> round(found.mean, 3), found.low > 0, found.eras_needed
    (0.01, True, 32)
    """
    eras, of_a, of_b = np.intersect1d(a.eras, b.eras, return_indices=True)
    paired = Scores(eras, a.values[of_a] - b.values[of_b]).defined
    apart = paired.horizon_in_scores(horizon)
    found = mean_error(paired.values, apart)
    margin = t_quantile(found.freedom) * found.error
    n_eras = len(paired.values)
    return Difference(
        n_eras=n_eras,
        mean=found.mean,
        low=found.mean - margin,
        high=found.mean + margin,
        p_value=_p_value(found.mean, found.error, found.freedom),
        eras_needed=_eras_needed(found.mean, found.error**2 * n_eras, apart),
    )


def holm(p_values: Floats) -> Doubles:
    """Adjust p-values of several comparisons, so that one error in 20 is one of all.

    Args:
        p_values: ``(k,)`` in [0, 1]; NaN stays NaN and is not counted.

    Returns:
        ``(k,)`` adjusted p-values, to be compared with 0.05 as they are.

    Source: Holm, Scandinavian Journal of Statistics 1979.

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    adjusted = np.array(p_values, np.float64)
    is_counted = ~np.isnan(adjusted)
    counted = defined(adjusted)
    order = np.argsort(counted)
    factors = np.arange(len(counted), 0, -1)
    rising = np.maximum.accumulate(counted[order] * factors)
    counted[order] = np.minimum(rising, 1)
    adjusted[is_counted] = counted
    return adjusted


def _p_value(mean: float, error: float, freedom: int) -> float:
    """Return the two-sided p-value of a mean of zero by Student's t."""
    if not freedom:
        return math.nan
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(mean) / error))


def _eras_needed(mean: float, variance: float, horizon: int) -> int | None:
    """Return the least number of scores whose interval leaves zero.

    Args:
        mean: of the differences.
        variance: long-run variance of the differences.
        horizon: scores that the target looks ahead.
    """
    if math.isnan(variance) or mean == 0:
        return None

    def is_enough(n: int) -> bool:
        margin = t_quantile(cosines_of(n, horizon)) * math.sqrt(variance / n)
        return margin < abs(mean)

    candidates = range(LEAST_HORIZONS * horizon, _MOST_ERAS)
    place = bisect_left(candidates, 1, key=is_enough)
    return candidates[place] if place < len(candidates) else None
