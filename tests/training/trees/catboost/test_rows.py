import shutil
from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import SILENT, ConfigError
from numerai_pipeline.data import Part, ShardReader
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.trees.backend import TreeJob, TreeRows

pytest.importorskip("catboost")

from numerai_pipeline.training.trees.catboost.rows import (
    borders_text,
    check_room,
    needed_bytes,
    quantized_pool,
)


def rows_of(shards, split, missing=2.0):
    reader = ShardReader(shards)
    part = Part(reader.eras("valid" if split == "validation" else split))
    labels = Labels.read(reader, part, "target")
    features = reader.manifest.features
    return TreeRows(reader, split, part, features, "target", missing, labels)


@pytest.fixture
def job(shards, tmp_path, killed_at):
    return TreeJob(
        train=rows_of(shards, "train"),
        validation=rows_of(shards, "validation"),
        booster={"depth": 5},
        is_classification=False,
        device="cpu",
        cache=tmp_path / "shards.bins",
        shared_eras=(),
        checkpoints=tmp_path,
        n_done=0,
        max_ram_bytes=10**12,
        progress=killed_at()[0],
    )


def test_borders_stand_between_all_known_values():
    assert borders_text((0.0, 1.0, 2.0, 2.5, 3.0, 4.0), 2).splitlines() == [
        f"{feature}\t{border}"
        for feature in range(2)
        for border in (0.5, 1.5, 2.25, 2.75, 3.5)
    ]


def test_a_missing_value_is_less_than_all():
    lines = borders_text((0.0, 1.0, float("nan")), 1).splitlines()
    assert lines == ["0\t-3.4028234663852886e+38\tMin", "0\t0.5\tMin"]


@pytest.mark.parametrize("missing", [2.0, 2.5, -1.0, float("nan")])
def test_it_is_the_pool_of_the_rows(shards, tmp_path, missing):
    import catboost

    rows = rows_of(shards, "train", missing)
    pool = quantized_pool(rows, rows.labels.values, scratch=tmp_path, progress=SILENT)
    assert pool.shape == (len(rows), 8)
    assert pool.get_feature_names() == list(rows.features)
    np.testing.assert_array_equal(
        np.asarray(pool.get_label(), np.float32), rows.labels.values
    )
    # A model finds in it what it finds in the rows themselves.
    block = np.concatenate([b.copy() for b in rows.blocks(rows_per_block=500)])
    features = rows.values_of_codes[block]
    silent = {"allow_writing_files": False, "verbose": False}
    model = catboost.CatBoost({"iterations": 30, "depth": 6, **silent}).fit(pool)
    np.testing.assert_array_equal(model.predict(pool), model.predict(features))
    assert [*tmp_path.iterdir()] == []


def test_the_memory_is_a_byte_a_value_and_what_a_row_takes(job):
    few = replace(job, train=replace(job.train, features=job.train.features[:4]))
    n_rows = len(job.train) + len(job.validation)
    buffers = 4 * 3 * 16_384
    assert needed_bytes(job) - needed_bytes(few) == 4 * n_rows + buffers
    classes = replace(job, is_classification=True)
    assert needed_bytes(classes) > needed_bytes(job) + 800 * len(job.train)
    deep = replace(job, booster={"depth": 16, "grow_policy": "Depthwise"})
    assert needed_bytes(deep) > needed_bytes(job)


def test_what_it_needs_is_told_and_kept_to(job):
    needed = needed_bytes(job)
    check_room(replace(job, max_ram_bytes=needed))
    assert "8 features at a byte per value, about " in job.progress.notes[0]
    with pytest.raises(ConfigError, match=r"Raise --max-ram, choose fewer eras"):
        check_room(replace(job, max_ram_bytes=needed - 1))


def test_a_missing_value_that_is_no_small_number_takes_more_disk(job):
    nan = replace(job, train=replace(job.train, missing=float("nan")))
    check_room(job)
    check_room(nan)
    small, large = (note.split(", and ")[1] for note in job.progress.notes)
    assert small.startswith("11 KB of disk")
    assert large.startswith("46 KB of disk")


def test_a_full_disk_is_told_before_anything_is_read(job, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0)
    )
    with pytest.raises(ConfigError, match=r"of disk in .* but 0 B are free. Free some"):
        check_room(job)


def test_a_disk_that_fills_meanwhile_is_told(job, tmp_path, small_files):
    with (
        small_files(),
        pytest.raises(ConfigError, match=r"cannot be written .* Free some disk"),
    ):
        quantized_pool(job.train, None, scratch=tmp_path, progress=SILENT)


def test_a_folder_that_is_gone_is_told(job, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be written .*No such file"):
        quantized_pool(job.train, None, scratch=tmp_path / "gone", progress=SILENT)
