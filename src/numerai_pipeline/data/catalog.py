"""``features.json``: the feature sets and targets of a data release."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numerai_pipeline.core import ConfigError, DataError, read_json

# Stands for every target of the release.
ALL_TARGETS = "all"


@dataclass(frozen=True)
class FeatureCatalog:
    """What ``features.json`` lists.

    Attributes:
        path: the file, for errors.
        sets: feature set -> its features, in the file's order.
        targets: all targets.
    """

    path: Path
    sets: Mapping[str, tuple[str, ...]]
    targets: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> "FeatureCatalog":
        """Read ``features.json``.

        Raises:
            DataError: if the file is missing, or is not what Numerai publishes.
        """
        if not path.is_file():
            raise DataError(
                f"{path} does not exist. Run `nai download --features` first."
            )
        content = read_json(path)
        try:
            sets = {
                name: _names(features)
                for name, features in content["feature_sets"].items()
            }
            targets = _names(content["targets"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(
                f"{path} is not a features.json: it needs 'feature_sets' (set -> list "
                f"of names) and 'targets' (list of names), but {error!r}. "
                "Run `nai download --features --force`."
            ) from error
        return cls(path, sets, targets)

    def columns(self, feature_set: str) -> tuple[str, ...]:
        """Return the features of a set, in the file's order.

        Raises:
            ConfigError: if there is no such set; the nearest one is named.
        """
        if feature_set not in self.sets:
            raise ConfigError(
                f"{self.path} has no feature set '{feature_set}'. "
                f"{did_you_mean(feature_set, self.sets)}"
            )
        return self.sets[feature_set]

    def select_targets(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return targets by name; ``("all",)`` means all of the release.

        Raises:
            ConfigError: if there is no such target, or none is named.
        """
        if tuple(names) == (ALL_TARGETS,):
            return self.targets
        if not names:
            raise ConfigError("no target is named. Name one, or 'all' for all of them.")
        for name in names:
            if name not in self.targets:
                raise ConfigError(
                    f"{self.path} has no target '{name}'. "
                    f"{did_you_mean(name, self.targets)}"
                )
        return tuple(dict.fromkeys(names))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest known name, or with the known ones.

    >>> did_you_mean("smal", ["small", "medium"])
    "Did you mean 'small'?"
    >>> did_you_mean("x", ["small", "medium"])
    'It has small, medium.'
    """
    names = list(known)
    nearest = difflib.get_close_matches(name, names, n=1)
    if nearest:
        return f"Did you mean '{nearest[0]}'?"
    shown = ", ".join(names[:8])
    return (
        f"It has {shown}, … ({len(names)})." if len(names) > 8 else f"It has {shown}."
    )


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("a list is not a list of names")
    if len(set(value)) != len(value):
        raise ValueError("a name occurs twice in a list")
    return tuple(value)
