import json
from pathlib import Path

import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import FeatureCatalog


@pytest.fixture
def catalog(tmp_path: Path) -> FeatureCatalog:
    path = tmp_path / "features.json"
    sets = {"small": ["feature_a"], "all": ["feature_a", "feature_b"]}
    content = {
        "feature_stats": {},
        "feature_sets": sets,
        "targets": ["target", "target_victor_60"],
    }
    path.write_text(json.dumps(content))
    return FeatureCatalog.load(path)


def test_sets_and_targets_are_read(catalog: FeatureCatalog) -> None:
    assert catalog.columns("small") == ("feature_a",)
    assert catalog.targets == ("target", "target_victor_60")
    assert list(catalog.sets) == ["small", "all"]


def test_an_unknown_set_is_refused_with_the_nearest(catalog: FeatureCatalog) -> None:
    with pytest.raises(
        ConfigError, match=r"has no feature set 'smal'. Did you mean 'small'\?"
    ):
        catalog.columns("smal")


def test_defect_1_targets_are_chosen_by_name(catalog: FeatureCatalog) -> None:
    assert catalog.select_targets(["target_victor_60"]) == ("target_victor_60",)
    assert catalog.select_targets(["all"]) == catalog.targets
    with pytest.raises(ConfigError, match=r"no target 'target_victor'. Did you mean"):
        catalog.select_targets(["target_victor"])
    with pytest.raises(ConfigError, match="no target is named"):
        catalog.select_targets([])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a features.json"),
        ("{}", "is not a features.json: it needs 'feature_sets'"),
        ('{"feature_sets": {"all": 3}, "targets": []}', "is not a list of names"),
        ('{"feature_sets": {}, "targets": ["a", "a"]}', "a name occurs twice"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "features.json"
    path.write_text(content)
    with pytest.raises(DataError, match=sentence) as error:
        FeatureCatalog.load(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"features\.json does not exist"):
        FeatureCatalog.load(tmp_path / "features.json")


def test_features_are_arranged_by_group(catalog: FeatureCatalog) -> None:
    names = [f"feature_{number:04d}" for number in range(600)]
    sets = {"charisma": tuple(names[5:8]), "intelligence": (names[7], names[2])}
    groups = FeatureCatalog(catalog.path, sets, ()).groups(names)
    assert {name: len(members) for name, members in groups.items()} == {
        "intelligence": 2,
        "charisma": 2,
        "rest_1": 290,
        "rest_2": 290,
        "rest_3": 16,
    }
    assert groups["intelligence"] == (names[2], names[7])
    assert sorted(name for members in groups.values() for name in members) == names


def test_sets_are_joined_and_intersected(catalog: FeatureCatalog) -> None:
    sets = {"one": ("a", "b", "c"), "two": ("c", "b"), "three": ("d",)}
    named = {name: tuple(f"feature_{x}" for x in each) for name, each in sets.items()}
    found = FeatureCatalog(catalog.path, named, ())
    assert found.union(["three", "two", "one"]) == tuple(
        f"feature_{letter}" for letter in "dcba"
    )
    assert found.union(["one & two"]) == ("feature_b", "feature_c")
    assert found.union([]) == ()
    with pytest.raises(ConfigError, match="'one & three' have no feature in common"):
        found.union(["one & three"])


@pytest.mark.parametrize(
    ("features", "sentence"),
    [((), "feature set 'small' is empty"), (("era",), "lists 'era', which is no")],
)
def test_a_set_of_no_features_is_refused(
    catalog: FeatureCatalog, features: tuple[str, ...], sentence: str
) -> None:
    broken = FeatureCatalog(catalog.path, {"small": features}, ())
    with pytest.raises(DataError, match=sentence):
        broken.columns("small")
