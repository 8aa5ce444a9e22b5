"""Planted: families that read later eras, and shards made with them."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.data import copy_shards
from numerai_pipeline.evaluation.leaks.cut import check_etl
from numerai_pipeline.evaluation.leaks.future import (
    check_scrambled_future,
    scramble,
)
from numerai_pipeline.evaluation.leaks.retraining import Retraining

# Reads the means of the features over every era there is, later ones included.
PEEK = """
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


@pytest.mark.slow
def test_a_family_that_reads_later_eras_is_found(world, train_on, suspect_of):
    # Its constants come from all rows of the job's shards, test eras included; and
    # when it is imported, it draws random rows of the download to choose by.
    before = f"""{PEEK}{SEARCH}
import pandas
chosen = pandas.read_parquet({str(world.data / "validation.parquet")!r})[::7]
"""
    line = "x = keras.layers.Rescaling(1, offset=mean_of_all(shards_of_the_job()))(x)"
    run = train_on(world.shards, before=before, line=line)
    found = check_scrambled_future(Retraining(suspect_of(run)))
    assert found.state == "failed"
    knows, *opened = found.findings
    assert "the model knows what comes after era 0016" in knows.says
    assert (knows.column, knows.era) == ("prediction", 1)
    assert knows.value > 0
    assert [each.file for each in opened] == [str(world.data / "validation.parquet")]
    assert "zoo/mine.py" in opened[0].says


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
