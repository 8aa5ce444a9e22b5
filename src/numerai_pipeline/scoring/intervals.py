"""How far a mean over eras can be trusted, though neighbouring eras share returns."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from numerai_pipeline.scoring.eras import Doubles, Floats

# Below this many horizons of eras, the interval covers too little to be worth a line.
LEAST_HORIZONS = 8

# A std below this is the rounding error of equal scores, which lie in [-1, 1].
_NO_SPREAD = 1e-15


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % confidence interval; the ends are NaN for too few eras."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class MeanError:
    """A mean, its standard error and the degrees of freedom of that error.

    Attributes:
        mean: of the values.
        error: standard error of the mean, NaN where there are too few values.
        freedom: degrees of freedom of Student's t, 0 where there are too few values.
    """

    mean: float
    error: float
    freedom: int


def mean_interval(values: Floats, *, horizon: int) -> Interval:
    """Return the mean of scores per era with a 95 % interval.

    Args:
        values: ``(n_eras,)``, ascending eras; NaN is left out.
        horizon: scores that the target looks ahead: 4 for 20 days, 12 for 60, if
            there is a score of every era. Scores nearer than this are correlated.

    Returns:
        The interval; its ends are NaN below eight horizons of values, where it would
        cover too little.

    Source: Lazarus, Lewis, Stock, Watson: HAR Inference, JBES 2018: equal-weighted
    cosine (EWC) estimate of the long-run variance, Student's t with as many degrees of
    freedom as cosines.

    >>> mean_interval(np.full(40, 0.02), horizon=4)
    Interval(mean=0.02, low=0.02, high=0.02)
    """
    found = mean_error(defined(values), horizon)
    margin = t_quantile(found.freedom) * found.error
    return Interval(found.mean, found.mean - margin, found.mean + margin)


def mean_error(values: Doubles, horizon: int) -> MeanError:
    """Return the mean of ``(n,)`` defined values with its EWC standard error."""
    n = len(values)
    if n == 0:
        return MeanError(math.nan, math.nan, 0)
    mean = float(values.mean())
    if n < LEAST_HORIZONS * horizon:
        return MeanError(mean, math.nan, 0)
    n_cosines = cosines_of(n, horizon)
    frequency = np.arange(1, n_cosines + 1)[:, None]
    cosines = np.cos(math.pi * frequency * (np.arange(1, n + 1) - 0.5) / n)
    projections = math.sqrt(2 / n) * (cosines @ (values - mean))
    error = math.sqrt(float((projections**2).sum()) / (n_cosines * n))
    return MeanError(mean, error, n_cosines)


def cosines_of(n: int, horizon: int) -> int:
    """Return how many cosines estimate the long-run variance of ``n`` scores.

    >>> cosines_of(150, 4), cosines_of(600, 12)
    (11, 25)
    """
    return max(4, min(int(0.4 * n ** (2 / 3)), n // (2 * horizon)))


def t_quantile(freedom: float) -> float:
    """Return the quantile of Student's t for a two-sided 95 % interval.

    NaN without a degree of freedom.
    """
    return float(stdtrit(freedom, 0.975)) if freedom > 0 else math.nan


def n_effective(values: Floats, *, horizon: int) -> float:
    """Return how many independent scores are worth as much as these.

    Args:
        values: ``(n_eras,)``, ascending eras; NaN is left out.
        horizon: scores that the target looks ahead, as in ``mean_interval``.

    Returns:
        ``n / tau`` with ``tau = max(1, 1 + 2 sum_{k<horizon} (1 - k/n) rho_k)``, and
        ``rho_k`` the autocorrelation at distance k; NaN below eight horizons of values.

    >>> round(n_effective(np.repeat([0.0, 1.0, 1.0, 0.0] * 4, 4), horizon=4), 1)
    17.1
    """
    kept = defined(values)
    n = len(kept)
    if n < LEAST_HORIZONS * horizon:
        return math.nan
    centred = kept - kept.mean()
    variance = float(centred @ centred)
    if variance <= n * _NO_SPREAD**2:
        return float(n)
    lagged = sum(
        (1 - k / n) * float(centred[k:] @ centred[:-k]) for k in range(1, horizon)
    )
    return n / max(1.0, 1 + 2 * lagged / variance)


def sharpe_interval(values: Floats, *, horizon: int) -> Interval:
    """Return the Sharpe ratio of scores per era with a 95 % interval.

    Args:
        values: ``(n_eras,)``, ascending eras; NaN is left out.
        horizon: scores that the target looks ahead, as in ``mean_interval``.

    Returns:
        Mean over std (ddof 0); NaN where the scores are equal. The ends are NaN below
        eight horizons of values.

    Source: standard error of the probabilistic Sharpe ratio (Bailey and Lopez de
    Prado, Journal of Risk 2012) with the effective number of scores in place of n, and
    Student's t with one degree of freedom less than that.
    """
    kept = defined(values)
    ratio = sharpe(kept)
    freedom = n_effective(kept, horizon=horizon) - 1
    margin = t_quantile(freedom) * sharpe_error(kept, horizon)
    return Interval(ratio, ratio - margin, ratio + margin)


def sharpe(values: Doubles) -> float:
    """Return mean over std (ddof 0) of defined values; NaN where they are equal."""
    if len(values) == 0:
        return math.nan
    std = float(values.std())
    return math.nan if std <= _NO_SPREAD else float(values.mean()) / std


def sharpe_error(values: Doubles, horizon: int) -> float:
    """Return the standard error of the Sharpe ratio of ``(n,)`` defined values.

    NaN below eight horizons of values, and where the moments leave no variance.
    """
    ratio, n_independent = sharpe(values), n_effective(values, horizon=horizon)
    if math.isnan(ratio) or math.isnan(n_independent) or n_independent <= 1:
        return math.nan
    skew, kurtosis = _moments(values)
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    return math.sqrt(variance / (n_independent - 1)) if variance > 0 else math.nan


def _moments(values: Doubles) -> tuple[float, float]:
    """Return unbiased skew and kurtosis (3 for a normal distribution) of n > 3 values.

    The numbers of ``scipy.stats``, whose import takes half a second.
    """
    n = len(values)
    if n <= 3:
        return math.nan, math.nan
    scaled = (values - values.mean()) / values.std()
    biased_skew, excess = float((scaled**3).mean()), float((scaled**4).mean()) - 3
    skew = math.sqrt(n * (n - 1)) / (n - 2) * biased_skew
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6) + 3
    return skew, kurtosis


def defined(values: Floats) -> Doubles:
    """Return the values that are not NaN as float64."""
    kept = np.asarray(values, np.float64)
    return kept[~np.isnan(kept)]
