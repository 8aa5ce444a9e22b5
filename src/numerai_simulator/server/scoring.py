"""The three scores of a submission, computed by ``numerai-tools``.

| display name | formula | pays |
| --- | --- | --- |
| ``canon_corr`` | ``numerai_corr(predictions, target)`` | x 0.75 |
| ``canon_mmc`` | ``correlation_contribution`` beside the meta model | x 2.25 |
| ``canon_bmc`` | the same beside the benchmark model | nothing |

A round pays or burns, in decimals:
``stake x clip(payout_factor x (corr x corr_multiplier + mmc x mmc_multiplier), -0.05,
0.05)`` with ``payout_factor = min(1, stake_threshold / total at risk)``.
Source: Numerai's documentation of staking.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd
from numerai_tools.scoring import correlation_contribution, numerai_corr


@dataclass(frozen=True)
class Metric:
    """A score that Numerai keeps, under the names that its API gives it."""

    display_name: str
    name: str
    multiplier: Decimal


CORR = Metric("canon_corr", "correlation", Decimal("0.75"))
MMC = Metric("canon_mmc", "meta_model_contribution", Decimal("2.25"))
BMC = Metric("canon_bmc", "benchmark_model_contribution", Decimal(0))
METRICS = (CORR, MMC, BMC)
VERSION = "1"


def score(
    predictions: pd.DataFrame,
    target: pd.Series,
    meta_model: pd.Series,
    benchmark: pd.Series,
) -> pd.DataFrame:
    """Score all predictions of one era.

    Args:
        predictions: one column per submission, indexed by id, any scale.
        target: values 0 to 1, indexed by id.
        meta_model: the meta model's predictions, indexed by id.
        benchmark: the benchmark model's predictions, indexed by id.

    Returns:
        One row per submission, one column per metric, by display name.
    """
    # numerai-tools finds the target's column by its name.
    target = target.rename("target")
    return pd.DataFrame(
        {
            CORR.display_name: numerai_corr(predictions, target),
            MMC.display_name: correlation_contribution(predictions, meta_model, target),
            BMC.display_name: correlation_contribution(predictions, benchmark, target),
        }
    )


STAKE_THRESHOLD = Decimal(72_000)
CLIP = Decimal("0.05")
# NMR has 18 decimals, like the currency of the chain that it lives on.
UNIT = Decimal("1e-18")


@dataclass(frozen=True)
class Payout:
    """A payout in NMR and the part of it that each metric earned."""

    total: Decimal
    parts: dict[str, Decimal]


def payout_factor(total_at_risk: Decimal) -> Decimal:
    """Return the share of the full payout that all stakes together leave.

    >>> payout_factor(Decimal(144_000)), payout_factor(Decimal(10))
    (Decimal('0.500000000000000000'), Decimal('1.000000000000000000'))
    """
    if total_at_risk <= STAKE_THRESHOLD:
        return Decimal(1).quantize(UNIT)
    return (STAKE_THRESHOLD / total_at_risk).quantize(UNIT)


def payout(
    at_risk: Decimal, factor: Decimal, scores: Mapping[str, float | None]
) -> Payout:
    """Return what a stake earns, or loses where it is negative.

    Args:
        at_risk: the stake, in NMR.
        factor: the round's payout factor, 0 to 1.
        scores: value of each metric, by display name; None counts as 0.

    >>> payout(Decimal(10), Decimal(1), {"canon_corr": 0.02, "canon_mmc": 0.01}).total
    Decimal('0.375000000000000000')
    >>> payout(Decimal(10), Decimal(1), {"canon_corr": -0.2}).total
    Decimal('-0.500000000000000000')
    """
    parts = {
        metric.display_name: factor
        * metric.multiplier
        * Decimal(repr(float(scores.get(metric.display_name) or 0)))
        for metric in METRICS
    }
    rate = sum(parts.values(), Decimal(0))
    clipped = min(max(rate, -CLIP), CLIP)
    shrink = clipped / rate if rate else Decimal(1)
    return Payout(
        total=(at_risk * clipped).quantize(UNIT),
        parts={
            name: (at_risk * part * shrink).quantize(UNIT)
            for name, part in parts.items()
        },
    )


def nmr(amount: Decimal) -> str:
    """Write an amount as Numerai does, with all 18 decimals.

    >>> nmr(Decimal(10))
    '10.000000000000000000'
    """
    return f"{amount.quantize(UNIT):f}"
