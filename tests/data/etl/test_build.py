import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded_progress import RecordedProgress

from numerai_pipeline.core import ConfigError, DataError, sha256_of
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards

TARGET = ("target",)


def assert_same_rows(block: Any, rows: Any, chosen: np.ndarray) -> None:
    np.testing.assert_array_equal(block.x, rows.codes[chosen])
    np.testing.assert_array_equal(
        block.y.view(np.uint32)[~np.isnan(block.y)],
        rows.targets[chosen].view(np.uint32)[~np.isnan(rows.targets[chosen])],
    )
    np.testing.assert_array_equal(np.isnan(block.y), np.isnan(rows.targets[chosen]))
    np.testing.assert_array_equal(block.ids, rows.ids[chosen])
    np.testing.assert_array_equal(block.eras, rows.eras[chosen])


def test_train_and_validation_become_shards(release: Any, tmp_path: Path) -> None:
    progress = RecordedProgress()
    manifest = build_shards(
        release.folder, tmp_path / "s", EtlOptions(), progress=progress
    )
    # 41 targets or 3: one of them looks 60 days ahead, so 16 eras are purged.
    assert manifest.splits["train"].eras == tuple(range(1, 15))
    assert manifest.splits["purged"].eras == tuple(range(15, 31))
    assert manifest.splits["valid"].eras == tuple(range(31, 39))
    reader = ShardReader(tmp_path / "s")
    train, validation = release.train, release.validation
    assert_same_rows(reader.read("train"), train, train.eras <= 14)
    assert_same_rows(reader.read("valid"), validation, validation.eras <= 38)
    assert_same_rows(reader.read("purged"), train, train.eras > 14)
    assert {task.unit for task in progress.tasks} == {"rows"}
    assert {task.description: (task.total, task.done) for task in progress.tasks} == {
        "surveying train.parquet": (len(train.eras), len(train.eras)),
        "surveying validation.parquet": (60, 60),
        "packing train.parquet": (len(train.eras), len(train.eras)),
        "packing validation.parquet": (48, 48),
    }


def test_the_purge_fits_the_horizon_of_the_targets(
    release: Any, tmp_path: Path
) -> None:
    manifest = build_shards(release.folder, tmp_path / "s", EtlOptions(targets=TARGET))
    assert manifest.splits["train"].eras[-1] == 30 - 8
    manifest = build_shards(release.folder, tmp_path / "s", EtlOptions(purge=0))
    assert manifest.splits["train"].eras[-1] == 30
    assert "purged" not in manifest.splits


def test_defect_2_no_era_on_both_sides_of_the_split(
    release: Any, tmp_path: Path
) -> None:
    options = EtlOptions(split=0.25, purge=3)
    manifest = build_shards(release.folder, tmp_path / "s", options)
    train, valid = (set(manifest.splits[name].eras) for name in ("train", "valid"))
    assert not train & valid
    assert min(valid) - max(train) == 4
    # 38 eras have a target; the latest quarter of them is held out.
    assert valid == set(range(38 - round(38 * 0.25) + 1, 39))
    reader = ShardReader(tmp_path / "s")
    assert set(reader.read("train").eras) == train
    assert set(reader.read("valid").eras) == valid


def test_defect_4_missing_targets_are_dropped_never_filled(
    release: Any, tmp_path: Path
) -> None:
    manifest = build_shards(release.folder, tmp_path / "s", EtlOptions(purge=0))
    # Eras 39 and 40 are not resolved: 6 rows each without any target.
    assert manifest.dropped.rows_without_target == 12
    reader = ShardReader(tmp_path / "s")
    name = "target_victor_60"
    missing = np.isnan(release.train.targets[:, 2])
    assert missing.any()
    block = reader.read("train", targets=[name])
    np.testing.assert_array_equal(np.isnan(block.y[:, 0]), missing)
    rows = reader.load("train", target=name)
    np.testing.assert_array_equal(rows.y, release.train.targets[~missing, 2])


def test_defect_1_a_target_is_what_its_name_says(release: Any, tmp_path: Path) -> None:
    wanted = ("target_victor_60", "target")
    build_shards(release.folder, tmp_path / "s", EtlOptions(targets=wanted, purge=0))
    block = ShardReader(tmp_path / "s").read("train")
    np.testing.assert_array_equal(block.y, release.train.targets[:, [2, 0]])


def test_one_source_stands_alone(release: Any, tmp_path: Path) -> None:
    options = EtlOptions(sources=("train",))
    manifest = build_shards(release.folder, tmp_path / "s", options)
    assert list(manifest.splits) == ["train"]
    assert manifest.splits["train"].rows == len(release.train.eras)
    options = EtlOptions(sources=("validation",))
    assert list(build_shards(release.folder, tmp_path / "s", options).splits) == [
        "valid"
    ]


def test_a_feature_set_is_packed_alone(release: Any, tmp_path: Path) -> None:
    options = EtlOptions(feature_set="small", purge=0)
    manifest = build_shards(release.folder, tmp_path / "s", options)
    assert manifest.features == release.train.features[:2]
    block = ShardReader(tmp_path / "s").read("train")
    np.testing.assert_array_equal(block.x, release.train.codes[:, :2])


def test_shards_hold_no_more_rows_than_asked(release: Any, tmp_path: Path) -> None:
    options = EtlOptions(rows_per_shard=20, purge=0)
    manifest = build_shards(release.folder, tmp_path / "s", options)
    shards = manifest.splits["train"].shards
    assert [shard.name for shard in shards][:2] == ["train_0000.tfr", "train_0001.tfr"]
    assert max(shard.rows for shard in shards) <= 20
    assert sum(shard.rows for shard in shards) == len(release.train.eras)
    for shard in shards:
        path = tmp_path / "s" / shard.name
        assert (shard.bytes, shard.sha256) == (path.stat().st_size, sha256_of(path))
        assert sum(block.bytes for block in shard.blocks) == shard.bytes
    for shard in manifest.splits["valid"].shards:
        assert all(31 <= era <= 38 for era in shard.eras)


def test_a_block_of_a_large_era_ends_after_2048_rows(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, write_catalog: Callable
) -> None:
    rows = make_rows({3: 5_000, 4: 100})
    write_catalog(tmp_path, rows.features)
    write_rows(tmp_path / "train.parquet", rows, rows_per_group=3_000)
    manifest = build_shards(tmp_path, tmp_path / "s", EtlOptions(sources=("train",)))
    (shard,) = manifest.splits["train"].shards
    found = [(block.era, block.rows) for block in shard.blocks]
    assert found == [(3, 2_048), (3, 2_048), (3, 904), (4, 100)]
    assert_same_rows(ShardReader(tmp_path / "s").read("train"), rows, rows.eras > 0)


def test_a_second_run_does_nothing_and_says_so(release: Any, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    first = build_shards(release.folder, folder, EtlOptions())
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    progress = RecordedProgress()
    assert (
        build_shards(release.folder, folder, EtlOptions(), progress=progress) == first
    )
    assert progress.notes == [f"{folder} is up to date: nothing to do."]
    assert not progress.tasks
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_the_same_input_gives_the_same_bytes(release: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        build_shards(release.folder, tmp_path / name, EtlOptions())
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


CHANGES = {
    "option": "purge was not set and is 2.",
    "source": "train.parquet has changed.",
    "catalog": "features.json has changed.",
    "shard": "train_0000.tfr has changed.",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_rebuilt(
    release: Any, tmp_path: Path, write_rows: Callable, change: str
) -> None:
    folder = tmp_path / "s"
    first = build_shards(release.folder, folder, EtlOptions())
    options = EtlOptions()
    if change == "option":
        options = EtlOptions(purge=2)
    elif change == "source":
        release.train.codes[0, 0] = 4 - release.train.codes[0, 0] % 5
        write_rows(release.folder / "train.parquet", release.train)
    elif change == "catalog":
        path = release.folder / "features.json"
        content = json.loads(path.read_text())
        content["feature_sets"]["all"].reverse()
        path.write_text(json.dumps(content))
    else:
        (folder / first.shards[0].name).write_bytes(b"")
    progress = RecordedProgress()
    again = build_shards(release.folder, folder, options, progress=progress)
    assert progress.notes[0].startswith(f"{folder} is rebuilt: {CHANGES[change]}")
    assert (again.fingerprint == first.fingerprint) == (change == "shard")
    assert ShardReader(folder).n_rows("train") == again.splits["train"].rows


def test_the_checksum_of_a_download_is_believed_while_the_file_is_unchanged(
    release: Any, tmp_path: Path
) -> None:
    path = release.folder / "train.parquet"
    found = path.stat()
    record = {
        "filename": "v5.3/train.parquet",
        "round_number": None,
        "size": found.st_size,
        "sha256": "a" * 64,
        "etag": None,
        "rows": None,
        "eras": None,
        "fetched_at": "2026-11-24T12:00:00Z",
        "modified_ns": found.st_mtime_ns,
    }
    manifest_path = release.folder / "manifest.json"
    manifest_path.write_text(json.dumps({"files": {"train.parquet": record}}))
    manifest = build_shards(release.folder, tmp_path / "s", EtlOptions())
    assert [source.sha256 == "a" * 64 for source in manifest.provenance.sources] == [
        False,
        True,
        False,
    ]
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    with pytest.raises(
        DataError, match=r"train\.parquet has changed since the download"
    ):
        build_shards(release.folder, tmp_path / "s", EtlOptions())


def test_an_error_half_way_leaves_the_old_shards(
    release: Any, tmp_path: Path, write_rows: Callable
) -> None:
    folder = tmp_path / "shards" / "main"
    build_shards(release.folder, folder, EtlOptions())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    release.validation.codes[-20, 3] = 7
    write_rows(release.folder / "validation.parquet", release.validation)
    with pytest.raises(
        DataError, match=r"'feature_0003' in row 40 \(era 0037\) is 7, but must be"
    ):
        build_shards(release.folder, folder, EtlOptions())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in folder.parent.iterdir()) == [
        ".main.lock",
        "main",
    ]


def test_a_folder_of_something_else_is_not_replaced(
    release: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match=r"holds letter\.txt\. Choose"):
        build_shards(release.folder, folder, EtlOptions())
    assert (folder / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("options", "kind", "sentence"),
    [
        ({"feature_set": "smal"}, ConfigError, r"Did you mean 'small'\?"),
        (
            {"targets": ("target_viktor_60",)},
            ConfigError,
            "Did you mean 'target_victor_6",
        ),
        ({"purge": 30}, ConfigError, "no era would be left to train on: 8 of 38 eras"),
        (
            {"split": 0.99},
            ConfigError,
            "no era would be left to train on: 38 of 38 eras",
        ),
    ],
)
def test_options_that_cannot_be_followed(
    release: Any, tmp_path: Path, options: Any, kind: type, sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        build_shards(release.folder, tmp_path / "s", EtlOptions(**options))
    assert not (tmp_path / "s").exists()


def swap_eras(rows: Any) -> dict[str, Any]:
    return {"era": ["0009"] * 5 + [f"{era:04d}" for era in rows.eras[5:]]}


def era_of_training(rows: Any) -> dict[str, Any]:
    return {"era": ["0030"] * 6 + [f"{era:04d}" for era in rows.eras[6:]]}


def repeat_id(rows: Any) -> dict[str, Any]:
    return {"id": [rows.ids[7].decode(), *(name.decode() for name in rows.ids[1:])]}


def id_of_training(rows: Any) -> dict[str, Any]:
    names = [name.decode() for name in rows.ids]
    return {"id": [*names[:3], "n" + f"{1_000_000:015x}", *names[4:]]}


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        (
            "train",
            swap_eras,
            r"train\.parquet mixes eras: in row \d+ era 0001 follows era",
        ),
        (
            "train",
            repeat_id,
            r"in row 0 \(era 0001\) of train\.parquet and in row 7 \(era 0002\) of",
        ),
        (
            "validation",
            era_of_training,
            r"begins with era 0030, but .*train\.parquet ends with era 0030",
        ),
        (
            "train",
            lambda _: {"feature_0002": None},
            r"but not feature_0002 \(1 missing\)",
        ),
        ("train", lambda _: {"target": None}, r"but not target \(1 missing\)"),
        ("train", lambda _: {"era": None}, r"but not era \(1 missing\)"),
        (
            "train",
            lambda rows: {"target": np.arange(len(rows.ids)) / 300},
            "'target' has more than 255 different values",
        ),
        (
            "validation",
            lambda rows: {"target": np.where(np.arange(len(rows.ids)) == 7, 1.5, 0.5)},
            r"validation\.parquet: 'target' in row 7 \(era 0031\) is 1\.5, but targets",
        ),
        ("train", lambda rows: {"era": ["X"] * len(rows.ids)}, "has the era X or 0"),
        ("validation", id_of_training, r"of train\.parquet and in row 3 \(era 0031\)"),
    ],
    ids=[
        "mixed",
        "duplicate",
        "shared",
        "feature",
        "target",
        "era",
        "palette",
        "outside",
        "live",
        "id",
    ],
)
def test_files_that_no_release_holds_are_refused(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    write_catalog: Callable,
    file: str,
    change: Callable,
    sentence: str,
) -> None:
    rows = {
        "train": make_rows({era: 10 if era > 1 else 7 for era in range(1, 31)}),
        "validation": make_rows(dict.fromkeys(range(31, 33), 10), seed=2),
    }
    write_catalog(tmp_path, rows["train"].features)
    for name, found in rows.items():
        changed = change(found) if name == file else {}
        write_rows(tmp_path / f"{name}.parquet", found, changed=changed)
    with pytest.raises(DataError, match=sentence):
        build_shards(tmp_path, tmp_path / "s", EtlOptions())
    assert not (tmp_path / "s").exists()


def test_two_files_together_can_have_too_many_values(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, write_catalog: Callable
) -> None:
    for number, name in enumerate(("train", "validation")):
        rows = make_rows({number + 1: 200}, seed=number + 1)
        values = np.linspace(0, 0.9, 200) + number / 1_000
        changed = {"target": values.astype(np.float32)}
        write_catalog(tmp_path, rows.features)
        write_rows(tmp_path / f"{name}.parquet", rows, changed=changed)
    with pytest.raises(DataError, match="'target' has more than 255 different values"):
        build_shards(tmp_path, tmp_path / "s", EtlOptions(targets=TARGET, purge=0))


def test_missing_files_and_cut_files_are_named(release: Any, tmp_path: Path) -> None:
    path = release.folder / "train.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train\.parquet is not a whole Parquet file"):
        build_shards(release.folder, tmp_path / "s", EtlOptions())
    path.unlink()
    with pytest.raises(DataError, match=r"train\.parquet does not exist\. Run `nai"):
        build_shards(release.folder, tmp_path / "s", EtlOptions())


def test_rows_without_any_target_are_no_shards(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, write_catalog: Callable
) -> None:
    rows = make_rows({1: 5})
    rows.targets[:] = np.nan
    write_catalog(tmp_path, rows.features)
    write_rows(tmp_path / "train.parquet", rows)
    with pytest.raises(
        DataError, match=r"no row of .* has any of the targets target, "
    ):
        build_shards(tmp_path, tmp_path / "s", EtlOptions(sources=("train",)))


def test_unresolved_validation_alone_holds_nothing_out(
    release: Any, tmp_path: Path, write_rows: Callable
) -> None:
    release.validation.targets[:] = np.nan
    write_rows(release.folder / "validation.parquet", release.validation)
    with pytest.raises(ConfigError, match="no era would be left to validate on"):
        build_shards(release.folder, tmp_path / "s", EtlOptions())


@pytest.mark.parametrize(
    ("feature_type", "scale"),
    [("int32", 1), ("float", 1), ("float", 0.25), ("double", 0.25)],
)
def test_every_release_gives_the_same_shards(
    release: Any,
    tmp_path: Path,
    write_rows: Callable,
    feature_type: str,
    scale: float,
) -> None:
    first = build_shards(release.folder, tmp_path / "a", EtlOptions())
    for name in ("train", "validation"):
        write_rows(
            release.folder / f"{name}.parquet",
            getattr(release, name),
            feature_type=feature_type,
            scale=scale,
            id_is_index=True,
        )
    second = build_shards(release.folder, tmp_path / "b", EtlOptions())
    assert [s.sha256 for s in second.shards] == [s.sha256 for s in first.shards]


target_values = st.one_of(
    st.floats(0, 1, width=32), st.just(np.nan), st.sampled_from([0.0, -0.0, 0.5, 1.0])
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    n_features = draw(st.integers(1, 8))
    n_targets = draw(st.integers(1, 3))
    eras = sorted(draw(st.sets(st.integers(1, 1_200), min_size=1, max_size=6)))
    rows_per_era = {era: draw(st.integers(1, 9)) for era in eras}
    n_rows = sum(rows_per_era.values())
    targets = draw(
        st.lists(
            target_values, min_size=n_rows * n_targets, max_size=n_rows * n_targets
        )
    )
    targets[0] = 0.5
    return {
        "rows_per_era": rows_per_era,
        "n_features": n_features,
        "missing": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "seed": draw(st.integers(0, 1_000)),
        "targets": np.array(targets, np.float32).reshape(n_rows, n_targets),
        "rows_per_group": draw(st.integers(1, 20)),
        "rows_per_shard": draw(st.integers(1, 30)),
        "layout": draw(st.sampled_from(["packed", "rows"])),
        "shard_per_era": draw(st.booleans()),
    }


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(table=tables())
@pytest.mark.slow
def test_any_table_round_trips_bit_for_bit(
    tmp_path: Path,
    make_rows: Callable,
    write_rows: Callable,
    write_catalog: Callable,
    table: dict[str, Any],
) -> None:
    targets = table["targets"]
    rows = make_rows(
        table["rows_per_era"],
        n_features=table["n_features"],
        n_targets=targets.shape[1],
        missing=table["missing"],
        seed=table["seed"],
    )
    rows.targets[:] = targets
    names = ("target", "target_ender_20", "target_victor_60")[: targets.shape[1]]
    write_catalog(tmp_path, rows.features, names)
    write_rows(tmp_path / "train.parquet", rows, rows_per_group=table["rows_per_group"])
    chosen = {key: table[key] for key in ("rows_per_shard", "layout", "shard_per_era")}
    options = EtlOptions(sources=("train",), **chosen)
    build_shards(tmp_path, tmp_path / "s", options)
    block = ShardReader(tmp_path / "s").read("train")
    assert_same_rows(block, rows, ~np.isnan(targets).all(axis=1))


MEASURE = """
    import re, sys
    from pathlib import Path
    from numerai_pipeline.data import EtlOptions, build_shards
    folder = Path(sys.argv[1])
    build_shards(folder, folder / "s", EtlOptions(sources=("train",)))
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_defect_5_memory_does_not_grow_with_the_table(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, write_catalog: Callable
) -> None:
    peaks = []
    for n_rows in (20_000, 140_000):
        rows = make_rows({1: n_rows}, n_features=240, missing=0)
        write_catalog(tmp_path, rows.features)
        write_rows(tmp_path / "train.parquet", rows, rows_per_group=20_000)
        command = [sys.executable, "-c", textwrap.dedent(MEASURE), str(tmp_path)]
        peaks.append(int(subprocess.check_output(command)))
    # 120,000 more rows are 230 MB as float64. The peak varies by 50 MB from run to
    # run, with what Arrow's threads hold at one moment.
    assert peaks[1] - peaks[0] < 100, peaks
