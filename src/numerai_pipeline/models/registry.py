"""The built-in families, by name."""

from collections.abc import Iterable

from numerai_pipeline.core import ConfigError, did_you_mean
from numerai_pipeline.models import ridge
from numerai_pipeline.models.estimators import sklearn_family
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

# An ensemble is made of trained models, not trained: see ``ensembles``.
ENSEMBLE = "ensemble"

_BUILT_IN: tuple[Family, ...] = (
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
    ridge.FAMILY,
    sklearn_family.FAMILY,
)


def families() -> tuple[Family, ...]:
    """Return the built-in families, in the order of ``nai zoo``.

    >>> [kind.name for kind in families()][:4]
    ['mlp', 'resnet', 'tabm', 'cnn']
    """
    return _BUILT_IN


def family(name: str, others: Iterable[Family] = ()) -> Family:
    """Return a family by its name.

    Args:
        name: as a recipe has it.
        others: further families, such as the user's own.

    Raises:
        ConfigError: if the name is unknown; the nearest one is suggested.

    >>> family("lightgmb")
    Traceback (most recent call last):
    numerai_pipeline.core.errors.ConfigError: there is no family 'lightgmb'. Did you mean 'lightgbm'?
    """  # noqa: E501 - the sentence is one line
    known = {kind.name: kind for kind in (*_BUILT_IN, *others)}
    if name in known:
        return known[name]
    if name == ENSEMBLE:
        raise ConfigError(
            "an ensemble is made of models that are trained already, not of a family. "
            "Run `nai ensemble NAME MODEL MODEL`."
        )
    hint = did_you_mean(name, known, listing="There are")
    raise ConfigError(f"there is no family '{name}'. {hint}")
