import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_simulator.errors import SetupError
from numerai_simulator.market.catalog import (
    GROUP_SIZES,
    NEW_GROUP,
    TARGETS,
    catalog_of,
)

# Numerai's documented sizes at the full width of v5.3.
DOCUMENTED = {"small": 42, "medium": 780, "all": 2_748, "quantum": 807}
DOCUMENTED_GROUPS = (
    "intelligence wisdom charisma dexterity strength constitution agility "
    "serenity sunshine rain midnight faith"
).split()


def test_documented_sizes_at_full_width() -> None:
    sets = catalog_of(2_748).to_json("v5.3")["feature_sets"]
    assert isinstance(sets, dict)
    assert {name: len(sets[name]) for name in DOCUMENTED} == DOCUMENTED
    assert set(DOCUMENTED_GROUPS) <= set(sets)
    assert {
        "v2_equivalent_features",
        "v3_equivalent_features",
        "fncv3_features",
    } <= set(sets)
    assert NEW_GROUP not in sets


def test_small_has_the_printed_composition_at_full_width() -> None:
    catalog = catalog_of(2_748)
    small = set(catalog.sets["small"])
    # What Numerai's notebooks print.
    printed = {
        "intelligence": 2,
        "constitution": 2,
        "charisma": 3,
        "agility": 2,
        "wisdom": 3,
        "strength": 1,
        "serenity": 3,
        "dexterity": 4,
    }
    assert {g: len(small & set(catalog.sets[g])) for g in printed} == printed
    assert all(small & set(catalog.sets[group]) for group in DOCUMENTED_GROUPS)


@given(st.integers(40, 2_747))
def test_small_has_two_features_of_every_group(n_features: int) -> None:
    catalog = catalog_of(n_features)
    small = set(catalog.sets["small"])
    for group in DOCUMENTED_GROUPS:
        assert len(small & set(catalog.sets[group])) >= 2, group
    assert small <= set(catalog.columns("v5.0"))


@pytest.mark.parametrize(("version", "same"), [("v5.1", "v5.0"), ("v5.2", "v5.3")])
def test_a_release_between_has_the_features_of_another(version: str, same: str) -> None:
    catalog = catalog_of(240)
    assert catalog.columns(version) == catalog.columns(same)
    sets = catalog.to_json(version)["feature_sets"]
    assert isinstance(sets, dict)
    assert "quantum" not in sets
    assert sets["all"] == list(catalog.columns(version))


def test_atlas_is_v53_without_what_is_new() -> None:
    catalog = catalog_of(2_748)
    old, new = catalog.columns("v5.0"), catalog.columns("v5.3")
    assert len(old) == 2_376
    assert [name for name in new if name in set(old)] == list(old)
    sets = catalog.to_json("v5.0")["feature_sets"]
    assert isinstance(sets, dict)
    assert "quantum" not in sets
    assert sets["all"] == list(old)
    assert sets["small"] == list(catalog.sets["small"])


def test_targets_are_the_documented_ones() -> None:
    assert len(TARGETS) == len(set(TARGETS)) == 41
    assert TARGETS[0] == "target"
    assert {"target_ender_20", "target_victor_60", "target_teager2b_20"} <= set(TARGETS)


@given(st.integers(40, 2_748))
def test_every_width_has_whole_sets(n_features: int) -> None:
    catalog = catalog_of(n_features)
    assert len(set(catalog.features)) == n_features == len(catalog.group_of)
    assert all(catalog.group_of.count(group) >= 2 for group in GROUP_SIZES)
    order = {name: index for index, name in enumerate(catalog.features)}
    for members in catalog.sets.values():
        positions = [order[name] for name in members]
        assert positions
        assert positions == sorted(set(positions))
    assert set(catalog.sets["small"]) < set(catalog.sets["medium"])


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(SetupError, match=r"'v9' is not simulated. Take v5\.3 or v5"):
        catalog_of(60).columns("v9")
