"""All families, by name."""

import difflib

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models.networks import mlp
from numerai_pipeline.models.protocol import Family
from numerai_pipeline.models.trees import (
    catboost_family,
    lightgbm_family,
    xgboost_family,
)

_FAMILIES: tuple[Family, ...] = (
    mlp.FAMILY,
    lightgbm_family.FAMILY,
    xgboost_family.FAMILY,
    catboost_family.FAMILY,
)


def families() -> tuple[Family, ...]:
    """Return all families, in the order of ``nai zoo``.

    >>> [kind.name for kind in families()]
    ['mlp', 'lightgbm', 'xgboost', 'catboost']
    """
    return _FAMILIES


def family(name: str) -> Family:
    """Return a family by its name.

    Raises:
        ConfigError: if there is none; the nearest name is told.

    >>> family("lightgmb")
    Traceback (most recent call last):
    numerai_pipeline.core.errors.ConfigError: there is no family 'lightgmb'. Did you mean 'lightgbm'?
    """  # noqa: E501 - the sentence is one line
    known = {kind.name: kind for kind in _FAMILIES}
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"Did you mean '{nearest[0]}'?" if nearest else f"There are {', '.join(known)}."
    )
    raise ConfigError(f"there is no family '{name}'. {hint}")
