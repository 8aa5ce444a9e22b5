"""Planted: families that read later eras, and shards made with them."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.data import copy_shards
from numerai_pipeline.evaluation.leaks.cut import check_etl
from numerai_pipeline.evaluation.leaks.future import (
    check_scrambled_future,
    check_truncation,
    scramble,
)
from numerai_pipeline.evaluation.leaks.retraining import Retraining

# Shifts the features by their means over every era there is, later ones included.
PEEK = """
import numpy as np
from pathlib import Path
from numerai_pipeline.data import ShardReader

def mean_of_all(folder):
    return ShardReader(Path(folder)).read(None).x.mean(axis=0).astype("float32")
"""

# Finds the shards of the job where its callers have them.
SEARCH = """
import sys

def shards_of_the_job():
    frame = sys._getframe()
    while "plan" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["plan"].job.shards
"""

LINE = "x = keras.layers.Rescaling(1.0, offset=mean_of_all({}))(x)"


@pytest.mark.slow
def test_trees_do_not_know_the_future(honest):
    retraining = Retraining(honest)
    cut = check_truncation(retraining)
    assert (cut.state, cut.findings) == ("passed", ())
    assert cut.found == "retrained with eras that are cut off after era 0030"
    scrambled = check_scrambled_future(retraining)
    assert (scrambled.state, scrambled.findings) == ("passed", ())
    assert scrambled.found.endswith("scrambled after era 0016")


@pytest.mark.slow
def test_a_family_that_uses_later_eras_is_found(world, train_on, subject_of):
    run = train_on(
        world.shards, before=PEEK + SEARCH, line=LINE.format("shards_of_the_job()")
    )
    found = check_scrambled_future(Retraining(subject_of(run)))
    assert found.state == "failed"
    (finding,) = found.findings
    assert "the model knows what comes after era 0016" in finding.says
    assert (finding.column, finding.era) == ("prediction", 1)
    assert finding.value > 0


@pytest.mark.slow
def test_a_family_that_opens_the_workspace_is_found(world, train_on, subject_of):
    # Validation rows drawn from all rows of the shards, test eras included.
    before = f"""{PEEK}
random_rows = np.random.default_rng(1).permutation(100)
offset = ShardReader(Path({str(world.shards.folder)!r})).read(None).x[random_rows]
"""
    run = train_on(
        world.shards,
        before=before,
        line="x = keras.layers.Rescaling(1.0, offset=offset.mean(axis=0))(x)",
    )
    found = check_truncation(Retraining(subject_of(run)))
    assert found.state == "failed"
    opened = {each.file for each in found.findings}
    assert opened == {
        str(world.shards.folder / f"{name}_0000.tfr")
        for name in ("train", "valid", "purged")
    }
    assert "zoo/mine.py" in found.findings[0].says


def test_shards_that_depend_on_later_eras_are_found(world, honest, tmp_path):
    def shift(block):
        if block.eras[0] != 24:
            return block
        x = block.x.copy()
        x[:9, 1] = (x[:9, 1] + 1) % 5
        return replace(block, x=x)

    eras = world.shards.eras()
    shards = copy_shards(
        world.shards, tmp_path / "copy", eras=eras, reason="test", change=shift
    )
    findings, untested = check_etl(replace(honest, shards=shards), last=30)
    (found,) = findings
    assert (found.column, found.era, found.value) == ("feature_b", 24, 9.0)
    assert untested == ["the ETL of all but 3 eras per file that end earlier"]


def test_without_the_parquet_the_etl_is_not_tested(honest, tmp_path):
    findings, untested = check_etl(replace(honest, data=tmp_path / "none"), last=30)
    assert not findings
    assert "are not in" in untested[0]


def test_scrambling_leaves_nothing_but_what_is_missing(world):
    block = world.shards.read(None, eras=(40,))
    other = scramble(block)
    assert ((block.x == 5) == (other.x == 5)).sum() < block.x.size
    assert (block.x == 5).sum() == (other.x == 5).sum()
    np.testing.assert_array_equal(np.isnan(block.y), np.isnan(other.y))
    assert (block.x != other.x).mean() > 0.5
    assert not np.array_equal(np.nanmean(block.y, axis=0), np.nanmean(other.y, axis=0))
    np.testing.assert_array_equal(scramble(block).x, other.x)
    np.testing.assert_array_equal(block.ids, other.ids)
