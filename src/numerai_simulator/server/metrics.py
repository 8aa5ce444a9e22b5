"""The three scores of a submission, computed by ``numerai-tools``.

| display name | formula | pays |
| --- | --- | --- |
| ``canon_corr`` | ``numerai_corr(predictions, target)`` | x 0.75 |
| ``canon_mmc`` | ``correlation_contribution`` beside the meta model | x 2.25 |
| ``canon_bmc`` | the same beside the benchmark model | nothing |
"""

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
        predictions: one column a submission, indexed by id, any scale.
        target: values 0 to 1, indexed by id.
        meta_model: the meta model's predictions, indexed by id.
        benchmark: the benchmark model's predictions, indexed by id.

    Returns:
        One row a submission, one column a metric, by display name.
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
