"""The names: columns, features, feature sets and targets.

Names belong to the product, not to the seed, so that a model of one market can
predict another of the same width.
"""

from collections.abc import Mapping
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
# width. The last one is what v5.3 added; without it the width is v5.0's 2,376.
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

# Sets that cut across the groups, at the full width. `medium` holds `small`, and
# `quantum` holds all that is new; the others avoid what is new.
_CROSS_SETS: Mapping[str, int] = {
    "small": 42,
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

VERSIONS = ("v5.3", "v5.0")

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
        if version == VERSIONS[0]:
            return self.features
        pairs = zip(self.features, self.group_of, strict=True)
        return tuple(name for name, group in pairs if group != NEW_GROUP)

    def to_json(self, version: str) -> dict[str, object]:
        """Return what the release's ``features.json`` holds."""
        known = set(self.columns(version))
        sets = {
            name: [feature for feature in members if feature in known]
            for name, members in self.sets.items()
            if version == VERSIONS[0] or name != "quantum"
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
    sets: dict[str, tuple[str, ...]] = {}
    for name, size in _CROSS_SETS.items():
        n_members = max(4, round(size * n_features / FULL_WIDTH))
        if name == "quantum":
            new = members[NEW_GROUP]
            chosen = [*new, *shuffled[: max(2, n_members - len(new))]]
        elif name in ("small", "medium"):
            chosen = shuffled[:n_members]
        else:
            chosen = [str(f) for f in rng.permutation(old)[:n_members]]
        sets[name] = tuple(sorted(chosen, key=order.__getitem__))
    sets["all"] = features
    sets |= {group: names for group, names in members.items() if group != NEW_GROUP}
    return Catalog(features, group_of, sets)


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
