"""The names: columns, features, feature sets and targets.

Names belong to the product, not to the seed, so that a model of one market can
predict another of the same width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from numerai_simulator.errors import SetupError

# Columns of the files, besides features and targets.
ID = "id"
ERA = "era"
DATA_TYPE = "data_type"
TARGET = "target"
META_MODEL = "numerai_meta_model"
PREDICTION = "prediction"

# The era of live data, which has no number yet.
LIVE_ERA = "X"

# The groups of features that share latent factors, with their sizes at the full
# width. The last one came after v5.0; without it the width is v5.0's 2,376.
NEW_GROUP = "new_in_v53"
GROUP_SIZES: Mapping[str, int] = {
    "intelligence": 35,
    "charisma": 290,
    "strength": 135,
    "dexterity": 51,
    "constitution": 335,
    "wisdom": 140,
    "agility": 145,
    "serenity": 95,
    "sunshine": 240,
    "rain": 420,
    "midnight": 200,
    "faith": 290,
    NEW_GROUP: 372,
}
FULL_WIDTH = sum(GROUP_SIZES.values())

# How many features of each group `small` holds at the full width, 42 in all. Numerai's
# notebooks print the first eight; the last four share the rest by their size.
SMALL_SET: Mapping[str, int] = {
    "intelligence": 2,
    "charisma": 3,
    "strength": 1,
    "dexterity": 4,
    "constitution": 2,
    "wisdom": 3,
    "agility": 2,
    "serenity": 3,
    "sunshine": 5,
    "rain": 8,
    "midnight": 4,
    "faith": 5,
}
# In narrower markets `small` holds at least so many of each group: a model may be
# neutralized to any of them, and correlations need two columns.
_LEAST_IN_SMALL = 2

# Other sets that cut across the groups, at the full width. `medium` holds `small`, and
# `quantum` holds all that is new; the others avoid what is new.
_CROSS_SETS: Mapping[str, int] = {
    "medium": 780,
    "v2_equivalent_features": 304,
    "v3_equivalent_features": 1_040,
    "fncv3_features": 400,
    "quantum": 807,
}

TARGET_NAMES = (
    "agnes alpha bravo caroline charlie claudia cyrusd delta echo ender jasper "
    "jeremy ralph rowan sam teager2b tyler victor waldo xerxes"
).split()
HORIZONS = (20, 60)
TARGETS: tuple[str, ...] = (
    TARGET,
    *(f"target_{name}_{days}" for name in TARGET_NAMES for days in HORIZONS),
)
MAIN_NAME = "ender"

# The releases, and the one whose rows each has: a release differs from that one in its
# feature sets and in the names of its benchmark models.
RELEASES: Mapping[str, str] = {
    "v5.3": "v5.3",
    "v5.2": "v5.3",
    "v5.1": "v5.0",
    "v5.0": "v5.0",
}
VERSIONS = tuple(RELEASES)
_NEWEST = VERSIONS[0]

_FIRST_WORDS = (
    "agile amber ancient arid azure bold brisk broad calm candid careful civil "
    "clear coastal cosmic crisp curious dapper deep deft distant dry eager early "
    "even faint fabled fertile fluent fond formal frosty gentle glad golden grand "
    "green hasty hidden hollow humble idle inland ivory jolly keen lasting lean "
    "level light lively lofty loyal lunar mellow"
).split()
_SECOND_WORDS = (
    "acorn anchor arch aster badger basin beacon birch bison bridge brook canyon "
    "cedar cliff clover comet condor copper coral crane delta dune ember falcon "
    "fern finch fjord flint forest garnet glacier grove harbor hazel heron island "
    "ivy jasper kestrel lagoon lantern larch lichen maple marsh meadow mesa moss "
    "nectar oak orchid otter pebble pine"
).split()


@dataclass(frozen=True)
class Catalog:
    """The features of a width.

    Attributes:
        features: names in the order of the files' columns, v5.3.
        group_of: group of each feature, in the same order.
        sets: v5.3's feature sets.
    """

    features: tuple[str, ...]
    group_of: tuple[str, ...]
    sets: Mapping[str, tuple[str, ...]]

    def columns(self, version: str) -> tuple[str, ...]:
        """Return the features of a release, in order.

        Raises:
            SetupError: if the release is not simulated.
        """
        if version not in VERSIONS:
            raise SetupError(
                f"release '{version}' is not simulated. Take {' or '.join(VERSIONS)}."
            )
        if RELEASES[version] == _NEWEST:
            return self.features
        pairs = zip(self.features, self.group_of, strict=True)
        return tuple(name for name, group in pairs if group != NEW_GROUP)

    def to_json(self, version: str) -> dict[str, object]:
        """Return what the release's ``features.json`` holds."""
        known = set(self.columns(version))
        sets = {
            name: [feature for feature in members if feature in known]
            for name, members in self.sets.items()
            if version == _NEWEST or name != "quantum"
        }
        return {"feature_sets": sets, "targets": list(TARGETS)}


@lru_cache(maxsize=4)
def catalog_of(n_features: int) -> Catalog:
    """Return the catalog of a width; sizes shrink in proportion, none to nothing.

    >>> catalog = catalog_of(2_748)
    >>> [len(catalog.sets[name]) for name in ("small", "medium", "all", "quantum")]
    [42, 780, 2748, 807]
    >>> len(catalog.columns("v5.0"))
    2376
    """
    sizes = _shares(n_features)
    groups = np.repeat(list(sizes), list(sizes.values()))
    rng = np.random.Generator(np.random.PCG64(20_260_101))
    group_of = tuple(str(group) for group in rng.permutation(groups))
    features = _names(n_features)
    members = {
        group: tuple(f for f, g in zip(features, group_of, strict=True) if g == group)
        for group in sizes
    }
    old = [f for f, g in zip(features, group_of, strict=True) if g != NEW_GROUP]
    order = {feature: index for index, feature in enumerate(features)}
    shuffled = [str(feature) for feature in rng.permutation(old)]
    small = _small_set(n_features, members, shuffled)
    sets = {"small": tuple(sorted(small, key=order.__getitem__))}
    for name, size in _CROSS_SETS.items():
        n_members = max(4, round(size * n_features / FULL_WIDTH))
        if name == "quantum":
            new = members[NEW_GROUP]
            chosen = [*new, *shuffled[: max(2, n_members - len(new))]]
        elif name == "medium":
            others = [feature for feature in shuffled if feature not in small]
            # Larger than `small` in a narrow market too.
            n_others = max(n_members - len(small), len(small) // 2)
            chosen = [*small, *others[:n_others]]
        else:
            chosen = [str(f) for f in rng.permutation(old)[:n_members]]
        sets[name] = tuple(sorted(chosen, key=order.__getitem__))
    sets["all"] = features
    sets |= {group: names for group, names in members.items() if group != NEW_GROUP}
    return Catalog(features, group_of, sets)


def _small_set(
    n_features: int, members: Mapping[str, tuple[str, ...]], shuffled: Sequence[str]
) -> list[str]:
    """Return the features of ``small``: those of a group that come first."""
    place = {feature: index for index, feature in enumerate(shuffled)}
    chosen: list[str] = []
    for group, size in SMALL_SET.items():
        n_members = size
        if n_features < FULL_WIDTH:
            share = round(size * n_features / FULL_WIDTH)
            n_members = max(_LEAST_IN_SMALL, share)
        chosen += sorted(members[group], key=place.__getitem__)[:n_members]
    return chosen


def _shares(n_features: int) -> dict[str, int]:
    """Split a width over the groups in proportion, at least two each."""
    exact = {g: n_features * size / FULL_WIDTH for g, size in GROUP_SIZES.items()}
    shares = {group: max(2, int(share)) for group, share in exact.items()}
    while sum(shares.values()) < n_features:
        group = max(shares, key=lambda g: exact[g] - shares[g])
        shares[group] += 1
    while sum(shares.values()) > n_features:
        group = max(shares, key=lambda g: shares[g] - exact[g] - (shares[g] <= 2) * 1e9)
        shares[group] -= 1
    return shares


def _names(n_features: int) -> tuple[str, ...]:
    """Return unique names in the manner of Numerai's obfuscated ones."""
    rng = np.random.Generator(np.random.PCG64(20_260_102))
    pairs = rng.permutation(len(_FIRST_WORDS) * len(_SECOND_WORDS))[:n_features]
    return tuple(
        f"feature_{_FIRST_WORDS[pair // len(_SECOND_WORDS)]}"
        f"_{_SECOND_WORDS[pair % len(_SECOND_WORDS)]}"
        for pair in pairs
    )
