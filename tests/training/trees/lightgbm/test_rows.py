import shutil

import lightgbm
import numpy as np
import pytest
from filelock import FileLock
from recorded_progress import RecordedProgress

from numerai_pipeline.core import SILENT, DataError
from numerai_pipeline.data import Part, ShardReader
from numerai_pipeline.models.trees import LIGHTGBM_DATASET
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.trees.backend import TreeRows
from numerai_pipeline.training.trees.lightgbm import rows as lightgbm_rows

PARAMETERS = {**LIGHTGBM_DATASET, "verbosity": -1}


@pytest.fixture
def rows(shards):
    def make(missing=2.0, features=None, target="target"):
        reader = ShardReader(shards)
        labels = Labels.read(reader, Part(reader.eras("train")), target)
        names = features or reader.manifest.features
        return TreeRows(
            reader,
            "train",
            Part(reader.eras("train")),
            tuple(names),
            target,
            missing,
            labels,
        )

    return make


def bytes_of(dataset, path):
    dataset.save_binary(str(path))
    return path.read_bytes()


@pytest.mark.parametrize("missing", [2.0, float("nan"), -1.0, 2.5])
def test_what_is_written_is_what_lightgbm_reads(rows, tmp_path, missing):
    wanted = rows(missing)
    files = lightgbm_rows.binned(wanted, tmp_path / "cache", SILENT)
    written = files.load(PARAMETERS)
    n_features = len(wanted.features)
    read = lightgbm_rows._read_by_lightgbm(wanted, (0, n_features))
    first, second = (
        bytes_of(dataset, tmp_path / name)
        for dataset, name in ((written, "a.bin"), (read, "b.bin"))
    )
    assert first == second


def test_another_version_of_lightgbm_reads_for_itself(rows, tmp_path, monkeypatch):
    wanted = rows()
    files = lightgbm_rows.binned(wanted, tmp_path / "written", SILENT)
    # What an unknown layout of its files comes to.
    monkeypatch.setattr(lightgbm_rows, "_proven_extra_bytes", lambda *_: None)
    by_itself = lightgbm_rows.binned(wanted, tmp_path / "read", SILENT)
    for first, second in zip(files.paths, by_itself.paths, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_groups_of_features_are_joined_in_order(rows, tmp_path, monkeypatch):
    wanted = rows()
    whole = lightgbm_rows.binned(wanted, tmp_path / "one", SILENT)
    monkeypatch.setattr(lightgbm_rows, "_FIRST_GROUP", 2)
    monkeypatch.setattr(lightgbm_rows, "_MAX_GROUP", 4)
    files = lightgbm_rows.binned(wanted, tmp_path / "many", SILENT)
    assert [path.name for path in files.paths] == ["000.bin", "001.bin", "002.bin"]
    assert files.load(PARAMETERS).get_feature_name() == list(wanted.features)
    targets = wanted.labels.values
    models = []
    for found in (whole, files):
        dataset = found.load(PARAMETERS)
        dataset.set_label(targets)
        booster = lightgbm.Booster({**PARAMETERS, "objective": "regression"}, dataset)
        for _ in range(5):
            booster.update()
        models.append(booster.model_to_string())
    assert models[0] == models[1]


def test_bins_are_made_once_and_swept_with_their_shards(rows, tmp_path):
    cache = tmp_path / "cache"
    first = lightgbm_rows.binned(rows(), cache, SILENT)
    before = {path: path.stat().st_mtime_ns for path in first.paths}
    again = lightgbm_rows.binned(rows(), cache, SILENT)
    assert {path: path.stat().st_mtime_ns for path in again.paths} == before
    other = lightgbm_rows.binned(rows(missing=float("nan")), cache, SILENT)
    assert set(other.paths).isdisjoint(first.paths)
    done = first.paths[0].parent / "done.json"
    done.write_text('{"shards": "of yesterday"}')
    # An older version named the bins of validation rows like this.
    older = other.paths[0].parent.with_name("lightgbm-valid-0123456789abcdef")
    shutil.copytree(other.paths[0].parent, older)
    lightgbm_rows.binned(rows(missing=float("nan")), cache, SILENT)
    assert not first.paths[0].exists()
    assert not older.exists()
    assert other.paths[0].exists()


def test_a_second_training_waits_for_the_bins(rows, tmp_path):
    (folder,) = {
        path.parent
        for path in lightgbm_rows.binned(rows(), tmp_path / "cache", SILENT).paths
    }
    first = FileLock(folder.with_name(f".{folder.name}.lock"))
    first.acquire()
    progress = RecordedProgress(on_note=lambda _: first.release())
    lightgbm_rows.binned(rows(), tmp_path / "cache", progress)
    assert progress.notes == [
        f"another process is binning rows for LightGBM in {folder}; "
        "waiting until it ends"
    ]


def test_rows_without_the_target_are_not_binned(rows, tmp_path):
    wanted = rows(target="target_victor_20")
    dataset = lightgbm_rows.binned(wanted, tmp_path, SILENT).load(PARAMETERS)
    assert dataset.num_data() == len(wanted) < wanted.reader.n_rows("train")


@pytest.mark.parametrize("file", ["000.bin", "done.json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda content: content[:-1],
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        None,
    ],
)
def test_changed_bins_are_rebuilt(rows, tmp_path, file, damage):
    """LightGBM would take a flipped bit as it is."""
    first = lightgbm_rows.binned(rows(), tmp_path, SILENT)
    whole = first.paths[0].read_bytes()
    path = first.paths[0].with_name(file)
    content = path.read_bytes()
    path.unlink()
    if damage:
        path.write_bytes(damage(content))
    again = lightgbm_rows.binned(rows(), tmp_path, SILENT)
    assert [path.read_bytes() for path in again.paths] == [whole]


def test_bins_of_another_version_of_lightgbm_are_rebuilt(rows, tmp_path, monkeypatch):
    first = lightgbm_rows.binned(rows(), tmp_path, SILENT)
    made = first.paths[0].stat().st_ino
    monkeypatch.setattr(lightgbm, "__version__", "99.0.0")
    assert lightgbm_rows.binned(rows(), tmp_path, SILENT).paths == first.paths
    assert first.paths[0].stat().st_ino != made


def test_a_done_file_that_cannot_be_read_does_not_hinder_others(rows, tmp_path):
    first = lightgbm_rows.binned(rows(), tmp_path, SILENT)
    first.paths[0].with_name("done.json").write_text("{")
    lightgbm_rows.binned(rows(missing=float("nan")), tmp_path, SILENT)
    assert not first.paths[0].parent.exists()


@pytest.mark.parametrize("n_bytes", [100, 1_000, 5_000])
def test_a_full_disk_is_told(rows, tmp_path, file_size_limit, n_bytes, capfd):
    cache = tmp_path / "cache"
    with file_size_limit(n_bytes), pytest.raises((DataError, OSError)) as caught:
        lightgbm_rows.binned(rows(), cache, SILENT)
    assert "lightgbm-train-" in str(caught.value)
    assert capfd.readouterr().err == ""
    assert not [path for path in cache.iterdir() if path.is_dir()]
    assert lightgbm_rows.binned(rows(), cache, SILENT).paths


def test_a_broken_file_is_named(rows, tmp_path):
    files = lightgbm_rows.binned(rows(), tmp_path, SILENT)
    files.paths[0].write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"000\.bin .*Delete the folder"):
        files.load(PARAMETERS)


@pytest.mark.parametrize("n_rows", [1, 2, 17, 1_025])
def test_halves_hold_an_even_and_an_odd_row(n_rows):
    bins = np.random.default_rng(1).integers(0, 6, (n_rows, 3)).astype(np.uint8)
    halves = lightgbm_rows._halves(bins)
    assert halves.shape == (3, (n_rows + 1) // 2)
    np.testing.assert_array_equal((halves & 15).T, bins[0::2])
    np.testing.assert_array_equal((halves >> 4).T[: n_rows // 2], bins[1::2])
