"""All families, by name."""

from collections.abc import Iterable

from numerai_pipeline.core import ConfigError, did_you_mean
from numerai_pipeline.models.networks import (
    autoencoder,
    autoencoding_classifier,
    classifier,
    cnn,
    mlp,
    resnet,
    tabm,
)
from numerai_pipeline.models.protocol import Family
from numerai_pipeline.models.trees import (
    catboost_family,
    lightgbm_family,
    xgboost_family,
)

_OURS: tuple[Family, ...] = (
    mlp.FAMILY,
    resnet.FAMILY,
    tabm.FAMILY,
    cnn.FAMILY,
    classifier.FAMILY,
    autoencoder.FAMILY,
    autoencoding_classifier.FAMILY,
    lightgbm_family.FAMILY,
    xgboost_family.FAMILY,
    catboost_family.FAMILY,
)

# Those of the workspace at hand; `load_user_families` puts them here.
_yours: list[Family] = []


def families() -> tuple[Family, ...]:
    """Return all families, in the order of ``nai zoo``: ours, then the user's own.

    >>> [kind.name for kind in families()][:4]
    ['mlp', 'resnet', 'tabm', 'cnn']
    """
    return (*_OURS, *_yours)


def family(name: str) -> Family:
    """Return a family by its name.

    Raises:
        ConfigError: if there is none; the nearest name is told.

    >>> family("lightgmb")
    Traceback (most recent call last):
    numerai_pipeline.core.errors.ConfigError: there is no family 'lightgmb'. Did you mean 'lightgbm'?
    """  # noqa: E501 - the sentence is one line
    known = {kind.name: kind for kind in families()}
    if name in known:
        return known[name]
    hint = did_you_mean(name, known, listing="There are")
    raise ConfigError(f"there is no family '{name}'. {hint}")


def is_ours(name: str) -> bool:
    """Tell whether one of our families has this name."""
    return name in {kind.name for kind in _OURS}


def register_user_families(found: Iterable[Family]) -> None:
    """Take these for the user's own families, in place of those before.

    Args:
        found: families whose names differ from ours and from each other's.
    """
    _yours[:] = found
