"""``features.json``: the feature sets and targets of a data release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    columns,
    did_you_mean,
    read_json,
)

# The groups of the first releases, in the order in which models came to expect them.
GROUPS = (
    "intelligence",
    "charisma",
    "strength",
    "dexterity",
    "constitution",
    "wisdom",
    "agility",
    "serenity",
)

# All groups, with those that later releases brought.
FEATURE_GROUPS = (*GROUPS, "sunshine", "rain", "midnight", "faith")

# Other features are taken in pieces of this many, a width that networks over a grid
# of features were built for.
_REST_FEATURES = 290

FEATURES_FILE = "features.json"

# Stands for every target of the release.
ALL_TARGETS = "all"


@dataclass(frozen=True)
class FeatureCatalog:
    """The content of ``features.json``.

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
        content = read_json(path, remedy="Run `nai download --features --force`.")
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
            ConfigError: if the set is unknown; the nearest one is named.
            DataError: if the set is empty or lists something other than features.
        """
        if feature_set not in self.sets:
            raise ConfigError(
                f"{self.path} has no feature set '{feature_set}'. "
                f"{did_you_mean(feature_set, self.sets)}"
            )
        features = self.sets[feature_set]
        if not features:
            raise DataError(
                f"{self.path}: the feature set '{feature_set}' is empty. "
                "Run `nai download --features --force`."
            )
        others = [name for name in features if not columns.is_feature(name)]
        if others:
            raise DataError(
                f"{self.path}: the feature set '{feature_set}' lists '{others[0]}', "
                f"which is not a feature, as {len(others)} names in all. "
                "Run `nai download --features --force`."
            )
        return features

    def union(self, feature_sets: Sequence[str]) -> tuple[str, ...]:
        """Return the features of several sets, each once.

        Args:
            feature_sets: their names; ``medium & serenity`` is what both have.

        Raises:
            ConfigError: if a set is unknown, or two have nothing in common.
            DataError: if a set is empty or lists something other than features.
        """
        names = (name for one in feature_sets for name in self._common(one))
        return tuple(dict.fromkeys(names))

    def _common(self, text: str) -> tuple[str, ...]:
        first, *others = (self.columns(name.strip()) for name in text.split("&"))
        in_all = set(first).intersection(*others)
        found = tuple(name for name in first if name in in_all)
        if not found:
            raise ConfigError(
                f"{self.path}: the feature sets '{text}' have no feature in common. "
                "Name others."
            )
        return found

    def groups(self, features: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Arrange features by their groups.

        Args:
            features: any of the features, once each.

        Returns:
            Group -> features in the order of ``features``: the eight groups that
            networks over a grid know, as far as they have features, then all others as
            ``rest_1``, ``rest_2`` and so on, 290 each. A feature of several groups
            belongs to the first.
        """
        found: dict[str, tuple[str, ...]] = {}
        left = list(features)
        for group in GROUPS:
            members = set(self.sets.get(group, ()))
            in_group = tuple(name for name in left if name in members)
            left = [name for name in left if name not in members]
            if in_group:
                found[group] = in_group
        for number, start in enumerate(range(0, len(left), _REST_FEATURES), start=1):
            found[f"rest_{number}"] = tuple(left[start : start + _REST_FEATURES])
        return found

    def select_targets(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return targets by name; ``("all",)`` means all of the release.

        Raises:
            ConfigError: if a target is unknown, or none is named.
        """
        if not self.targets:
            raise DataError(
                f"{self.path} lists no targets. Run `nai download --features --force`."
            )
        if ALL_TARGETS in names:
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


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("a list is not a list of names")
    if len(set(value)) != len(value):
        raise ValueError("a name occurs twice in a list")
    return tuple(value)
