"""Copies of shards: some eras, changed."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.data import copy_shards


def test_a_copy_has_the_same_rows_in_the_same_splits(world, tmp_path):
    eras = (1, 2, 20, 40)
    copy = copy_shards(world.shards, tmp_path / "copy", eras=eras, reason="test")
    assert copy.eras() == eras
    for split in ("train", "valid"):
        assert copy.eras(split) == tuple(set(world.shards.eras(split)) & set(eras))
    one, other = (reader.read(None, eras=eras) for reader in (world.shards, copy))
    for name in ("x", "y", "ids", "eras"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert copy.manifest.fingerprint != world.shards.manifest.fingerprint


def test_rows_are_thinned_and_changed(world, tmp_path):
    copy = copy_shards(
        world.shards,
        tmp_path / "copy",
        eras=(3, 4),
        reason="test",
        change=lambda block: replace(block, y=np.full_like(block.y, 0.25)),
        rows_per_era=10,
    )
    found = copy.read("train")
    assert np.bincount(found.eras).tolist() == [0, 0, 0, 10, 10]
    assert set(found.y.ravel()) == {0.25}
    whole = world.shards.read("train", eras=(3,))
    assert {found.ids[0], found.ids[9]} == {whole.ids[0], whole.ids[-1]}


def test_an_error_leaves_no_open_file(world, tmp_path):
    def fail(block):
        if block.eras[0] == 4:
            raise ZeroDivisionError
        return block

    with pytest.raises(ZeroDivisionError):
        copy_shards(
            world.shards, tmp_path / "copy", eras=(3, 4), reason="", change=fail
        )
    assert not (tmp_path / "copy" / "manifest.json").exists()
