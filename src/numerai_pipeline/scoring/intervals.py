"""How far a mean over eras can be trusted, though neighbouring eras share returns."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Below this many horizons of eras, the interval covers too little to be worth a line.
_LEAST_HORIZONS = 8


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % confidence interval; the ends are NaN for too few eras."""

    mean: float
    low: float
    high: float


def mean_interval(values: npt.NDArray[np.floating[Any]], *, horizon: int) -> Interval:
    """Return the mean of scores per era with a 95 % interval.

    Args:
        values: ``(n_eras,)``, ascending eras; NaN is left out.
        horizon: eras that the target looks ahead: 4 for 20 days, 12 for 60. The scores
            of eras nearer than this are correlated.

    Source: Lazarus, Lewis, Stock, Watson: HAR Inference, JBES 2018: equal-weighted
    cosine (EWC) estimate of the long-run variance, Student's t with as many degrees of
    freedom as cosines.

    >>> mean_interval(np.full(40, 0.02), horizon=4)
    Interval(mean=0.02, low=0.02, high=0.02)
    """
    from scipy.stats import t

    kept = np.asarray(values, np.float64)
    kept = kept[~np.isnan(kept)]
    n = len(kept)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(kept.mean())
    if n < _LEAST_HORIZONS * horizon:
        return Interval(mean, math.nan, math.nan)
    n_cosines = max(4, min(math.floor(0.4 * n ** (2 / 3)), n // (2 * horizon)))
    frequency = np.arange(1, n_cosines + 1)[:, None]
    cosines = np.cos(math.pi * frequency * (np.arange(1, n + 1) - 0.5) / n)
    projections = math.sqrt(2 / n) * (cosines @ (kept - mean))
    error = math.sqrt(float((projections**2).sum()) / (n_cosines * n))
    margin = float(t.ppf(0.975, n_cosines)) * error
    return Interval(mean, mean - margin, mean + margin)
