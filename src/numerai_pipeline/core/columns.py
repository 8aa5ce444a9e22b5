"""The names of Numerai's columns, and what a name means.

Columns are chosen by name everywhere in this product, never by position.
"""

import re

from numerai_pipeline.core.targets import parse_target

ID = "id"
ERA = "era"
DATA_TYPE = "data_type"
TARGET = "target"
META_MODEL = "numerai_meta_model"
PREDICTION = "prediction"
FEATURE_PREFIX = "feature_"
TARGET_PREFIX = "target"

# The era of live data, which has no number yet.
LIVE_ERA = "X"

# Eras to purge, by the business days that a target looks ahead: 4 and 12
# weekly eras share returns, and Numerai's own walk-forward drops 8 and 16.
PURGE_ERAS = {20: 8, 60: 16}

# Code of a missing feature value; 0..4 are the five bins.
MISSING_CODE = 5


def is_feature(column: str) -> bool:
    """Return whether a column holds a feature."""
    return column.startswith(FEATURE_PREFIX)


def is_target(column: str) -> bool:
    """Return whether a column holds a target."""
    return column == TARGET or column.startswith(f"{TARGET_PREFIX}_")


def horizon_days(target: str) -> int:
    """Return how many business days a target looks ahead: 20 or 60.

    Args:
        target: its name, or the text of a derived one, whose parts' longest it is.

    >>> horizon_days("target"), horizon_days("target_victor_60")
    (20, 60)
    >>> horizon_days("mean of target_victor_60, target_victor_20")
    60
    """
    return max(_days_of(name) for name in parse_target(target).names)


def _days_of(name: str) -> int:
    match = re.search(r"_(\d+)$", name)
    return int(match.group(1)) if match else 20


def horizon_eras(target: str) -> int:
    """Return how many weekly eras share returns with the next one: 4 or 12.

    >>> horizon_eras("target"), horizon_eras("target_victor_60")
    (4, 12)
    """
    return horizon_days(target) // 5


def purge_eras(targets: tuple[str, ...]) -> int:
    """Return how many eras to leave out between two parts of a fold.

    Args:
        targets: names of the targets used; the longest horizon decides.

    >>> purge_eras(("target",)), purge_eras(("target", "target_victor_60"))
    (8, 16)
    """
    return max(PURGE_ERAS.get(horizon_days(target), 16) for target in targets)
