"""Every option of the ETL, by what it does to the shards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_progress import RecordedProgress

from numerai_pipeline.core import ConfigError, parse_table
from numerai_pipeline.data import EtlOptions, ShardManifest, ShardReader, build_shards

Build = Callable[..., tuple[ShardManifest, ShardReader]]


@pytest.fixture
def build(release: Any, tmp_path: Path) -> Build:
    def build(**options: Any) -> tuple[ShardManifest, ShardReader]:
        folder = tmp_path / "shards"
        manifest = build_shards(release.folder, folder, EtlOptions(**options))
        return manifest, ShardReader(folder)

    return build


def eras_of(manifest: ShardManifest) -> dict[str, list[int]]:
    return {name: list(split.eras) for name, split in manifest.splits.items()}


def test_a_test_split_comes_after_the_held_out_eras(build: Build) -> None:
    manifest, reader = build(split=0.2, split_test=0.1, purge=2)
    # 38 eras have a target: 4 to test on, 8 before them, purged by 2 each.
    assert eras_of(manifest) == {
        "train": list(range(1, 25)),
        "valid": list(range(27, 33)),
        "test": list(range(35, 39)),
        "purged": [25, 26, 33, 34],
    }
    assert set(reader.read("test").eras) == set(range(35, 39))


def test_without_a_share_the_test_split_is_of_validation(build: Build) -> None:
    manifest, _ = build(split_test=0.25, purge=1)
    assert eras_of(manifest) == {
        "train": list(range(1, 30)),
        "valid": list(range(31, 36)),
        "test": [37, 38],
        "purged": [30, 36],
    }


def test_split_valid_only_trains_on_all_else(build: Build) -> None:
    manifest, _ = build(split=0.5, split_valid_only=True, purge=1)
    assert eras_of(manifest) == {
        "train": list(range(1, 34)),
        "valid": list(range(35, 39)),
        "purged": [34],
    }


def test_rows_are_drawn_by_their_seed(release: Any, build: Build) -> None:
    rows = {"split_by": "rows", "split": 0.25, "split_test": 0.1}
    manifest, reader = build(**rows)
    n_rows = len(release.train.eras) + np.count_nonzero(release.validation.eras <= 38)
    counts = {name: split.rows for name, split in manifest.splits.items()}
    assert counts == {
        "train": n_rows - round(0.25 * n_rows) - round(0.1 * n_rows),
        "valid": round(0.25 * n_rows),
        "test": round(0.1 * n_rows),
    }
    assert "purged" not in manifest.splits
    ids = {name: reader.read(name).ids.tolist() for name in manifest.splits}
    everything = [name for names in ids.values() for name in names]
    expected = [*release.train.ids, *release.validation.ids[:48]]
    assert sorted(everything) == sorted(name for name in expected)
    _, again = build(**rows, seed=2)
    assert again.read("valid").ids.tolist() != ids["valid"]
    _, again = build(**rows, seed=1)
    assert again.read("valid").ids.tolist() == ids["valid"]


def test_defect_2_rows_are_never_drawn_unless_asked_for(
    release: Any, tmp_path: Path
) -> None:
    for options in (EtlOptions(split=0.2), EtlOptions(split=0.2, split_by="rows")):
        progress = RecordedProgress()
        build_shards(release.folder, tmp_path / "s", options, progress=progress)
        found = ShardManifest.load(tmp_path / "s")
        shared = set(found.splits["train"].eras) & set(found.splits["valid"].eras)
        assert bool(shared) == (options.split_by == "rows")
        warns = any(note.startswith("Warning: rows of one") for note in progress.notes)
        assert warns == (options.split_by == "rows")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("even", list(range(2, 15, 2))),
        ("odd", list(range(1, 15, 2))),
        ("every:4:1", [1, 5, 9, 13]),
        ("3-5,12-", [3, 4, 5, 12, 13, 14]),
    ],
)
def test_chosen_eras_alone_are_packed(
    release: Any, build: Build, text: str, expected: list[int]
) -> None:
    manifest, reader = build(eras_subset=text)
    assert eras_of(manifest)["train"] == expected
    chosen = np.isin(release.train.eras, expected)
    np.testing.assert_array_equal(reader.read("train").x, release.train.codes[chosen])
    assert manifest.dropped.rows_not_chosen > 0


def test_a_choice_of_no_era_is_refused(build: Build) -> None:
    with pytest.raises(ConfigError, match="chooses none of the 38 eras with a target"):
        build(eras_subset="500-")


def test_balance_follows_the_era_and_prints_the_shares(
    release: Any, build: Build
) -> None:
    manifest, reader = build(balance=True, purge=0)
    block = reader.read("train", targets=["target"])
    target, eras = block.y[:, 0], block.eras
    assert set(target[eras % 4 == 0]) == {0, 0.25, 0.5, 0.75, 1}
    assert set(target[eras % 4 == 1]) == {0, 0.25, 0.75, 1}
    assert set(target[eras % 4 >= 2]) == {0, 1}
    everything = release.train.targets[:, 0]
    shares = {share.value: share for share in manifest.class_shares}
    for value in (0, 0.25, 0.5, 0.75, 1):
        assert shares[value].rows_before == np.count_nonzero(everything == value)
        assert shares[value].rows_after == np.count_nonzero(target == value)
    assert manifest.dropped.rows_balanced_away == len(everything) - len(target)
    # Held-out rows stay as the tournament has them.
    valid = reader.read("valid", targets=["target"])
    assert set(valid.y[:, 0]) == {0, 0.25, 0.5, 0.75, 1}
    assert len(valid) == 48


def test_features_can_be_ordered_by_group(release: Any, build: Build) -> None:
    path = release.folder / "features.json"
    names = release.train.features
    content = path.read_text().replace(
        '"feature_sets": {',
        '"feature_sets": {"charisma": ["feature_0005", "feature_0001"], '
        '"intelligence": ["feature_0004"], ',
    )
    path.write_text(content)
    manifest, reader = build(order="groups", purge=0)
    order = [4, 1, 5, 0, 2, 3, 6]
    assert manifest.features == tuple(names[index] for index in order)
    assert [(group.name, group.n_features) for group in manifest.groups] == [
        ("intelligence", 1),
        ("charisma", 2),
        ("rest_1", 4),
    ]
    np.testing.assert_array_equal(reader.read("train").x, release.train.codes[:, order])


def test_files_can_be_one_series_an_era(release: Any, build: Build) -> None:
    manifest, reader = build(shard_per_era=True, rows_per_shard=4, purge=0)
    names = [shard.name for shard in manifest.splits["train"].shards]
    assert names[:5] == [
        "train_era0001_0000.tfr",
        "train_era0001_0001.tfr",
        "train_era0002_0000.tfr",
        "train_era0002_0001.tfr",
        "train_era0003_0000.tfr",
    ]
    assert all(len(shard.eras) == 1 for shard in manifest.shards)
    np.testing.assert_array_equal(reader.read("train").ids, release.train.ids)


def test_live_rows_need_no_target(
    release: Any, tmp_path: Path, make_rows: Callable, write_rows: Callable
) -> None:
    live = make_rows({0: 30}, seed=5)
    nothing = dict.fromkeys(("target", "target_ender_20", "target_victor_60"))
    write_rows(tmp_path / "live.parquet", live, changed=nothing)
    options = EtlOptions(sources=("live",))
    manifest = build_shards(
        release.folder, tmp_path / "s", options, live_file=tmp_path / "live.parquet"
    )
    assert [shard.name for shard in manifest.shards] == ["live_0000.tfr"]
    block = ShardReader(tmp_path / "s").read("live")
    np.testing.assert_array_equal(block.x, live.codes)
    np.testing.assert_array_equal(block.ids, live.ids)
    assert set(block.eras) == {0}
    assert block.y.shape == (30, 0)


def test_both_layouts_hold_the_same(build: Build) -> None:
    _, packed = build(purge=0)
    expected = packed.read("train")
    manifest, rows = build(purge=0, layout="rows")
    assert manifest.provenance.layout == "numerai-pipeline rows 1"
    found = rows.read("train")
    for name in ("x", "ids", "eras"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.y, expected.y)


@pytest.mark.parametrize(
    ("options", "side"),
    [
        ({"split": 1e-5, "split_by": "rows"}, "valid"),
        ({"split": 0.99999, "split_by": "rows"}, "train"),
        ({"split_test": 0.99, "purge": 0}, "valid"),
        ({"sources": ("validation",), "balance": True}, "train"),
    ],
)
def test_a_side_that_would_be_empty_is_refused(
    build: Build, options: dict[str, Any], side: str
) -> None:
    with pytest.raises(ConfigError, match=f"no row would be in the split '{side}'"):
        build(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split_by": "rows", "split_test": 0.2}, "a split by rows needs a share"),
        ({"split": 0.5, "split_test": 0.5}, "would leave nothing to train on"),
        ({"split_by": "rows"}, "a split by rows needs a share"),
        ({"split_by": "rows", "split": 0.1, "purge": 4}, "purge has no effect"),
        ({"sources": ("train",), "split_valid_only": True}, "needs both train and"),
        ({"split_valid_only": True}, "split_valid_only needs a share"),
        ({"sources": ("live", "train")}, "live rows go into shards of their own"),
        ({"sources": ("live",), "balance": True}, "no targets to balance by"),
        ({"sources": ()}, "name each source once"),
        ({"order": "size"}, "input should be 'catalog' or 'groups'"),
    ],
)
def test_options_that_do_not_fit_together(
    options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^nai etl: .*{sentence}"):
        parse_table(EtlOptions, options, where="nai etl")


@given(
    split=st.floats(0.05, 0.6),
    split_test=st.none() | st.floats(0.05, 0.3),
    split_by=st.sampled_from(["era", "rows"]),
    valid_only=st.booleans(),
    subset=st.sampled_from([None, "even", "every:3:1", "5-"]),
    balance=st.booleans(),
)
def test_every_row_is_in_one_split_or_counted(
    split: float,
    split_test: float | None,
    split_by: Any,
    valid_only: bool,
    subset: str | None,
    balance: bool,
) -> None:
    from numerai_pipeline.data.etl.assignments import assign_rows
    from numerai_pipeline.data.etl.survey import EraRows, Survey

    rng = np.random.default_rng(1)
    surveys = []
    for first, n_eras in ((1, 40), (41, 20)):
        target = rng.choice(np.array([0, 0.5, 1], np.float32), n_eras * 8)
        has_target = rng.random(len(target)) < 0.9
        target[~has_target] = np.nan
        eras = tuple(
            EraRows(first + k, 8 * k, 8 * k + 8, int(has_target[8 * k :][:8].sum()))
            for k in range(n_eras)
        )
        surveys.append(Survey(None, eras, has_target, (), target))  # type: ignore[arg-type]
    options = EtlOptions(
        split=split,
        split_test=split_test,
        split_by=split_by,
        split_valid_only=valid_only,
        eras_subset=subset,
        balance=balance,
        purge=1 if split_by == "era" else None,
    )
    try:
        found = assign_rows(surveys, options, ["target"])
    except ConfigError:
        return  # no split may be empty
    n_used = sum(int(np.count_nonzero(codes)) for codes in found.codes)
    dropped = found.dropped
    n_dropped = (
        dropped.rows_without_target
        + dropped.rows_not_chosen
        + dropped.rows_balanced_away
    )
    assert n_used + n_dropped == 60 * 8
    if split_by == "era":
        for survey, codes in zip(surveys, found.codes, strict=True):
            for era in survey.eras:
                on = set(codes[era.start : era.stop].tolist()) - {0}
                assert len(on) <= 1
