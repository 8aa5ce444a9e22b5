"""Planted: shards split by rows, a purge of 0, rows that were joined wrongly."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.core import SILENT
from numerai_pipeline.data import Part, copy_shards
from numerai_pipeline.evaluation.leaks.purge import check_purge_profile
from numerai_pipeline.evaluation.leaks.retraining import Retraining
from numerai_pipeline.evaluation.leaks.structure import apart, check_structure
from numerai_pipeline.evaluation.out_of_sample import predict_part, write_out_of_sample


def changed(world, folder, change):
    """Copy the world's shards with a change."""
    eras = world.shards.eras()
    return copy_shards(world.shards, folder, eras=eras, reason="test", change=change)


def test_an_honest_fold_passes(honest):
    found = check_structure(honest)
    assert (found.state, found.found) == ("passed", "purge 8, needed 8")
    assert any("no predictions were written" in text for text in found.untested)


@pytest.mark.slow
def test_random_rows_are_found(shards_of, train_on, suspect_of):
    shards = shards_of(split=0.25, split_by="rows")
    run = train_on(shards, allow_leak=True)
    suspect = suspect_of(run, shards)
    found = check_structure(suspect)
    assert found.state == "failed"
    assert "split by rows" in found.findings[0].says
    assert found.findings[0].file.endswith("manifest.json")
    assert check_purge_profile(Retraining(suspect)).state == "failed"


@pytest.mark.slow
def test_a_purge_of_0_is_found(shards_of, train_on, suspect_of):
    shards = shards_of(purge=0)
    suspect = suspect_of(train_on(shards, allow_leak=True), shards)
    found = check_structure(suspect)
    assert found.state == "failed"
    assert found.found == "purge 0, needed 8"
    first = found.findings[0]
    assert (first.era, first.value) == (25, 1.0)
    assert first.says.startswith("train era 0024 and validation era 0025 are 1 apart")
    assert first.file.endswith("config.toml")


def test_a_row_in_two_parts_is_found(world, honest, tmp_path):
    first = world.shards.read(None, eras=(16,), features=(), targets=()).ids

    def repeat(block):
        if block.eras[0] != 39:
            return block
        return replace(block, ids=np.append(first[:1], block.ids[1:]))

    shards = changed(world, tmp_path / "copy", repeat)
    found = check_structure(replace(honest, shards=shards))
    assert found.state == "failed"
    repeated = next(each for each in found.findings if each.value == 2.0)
    assert (repeated.column, repeated.era) == ("id", 39)
    assert "in the eras 0016, 0039" in repeated.says


def test_predictions_of_other_rows_or_another_model_are_found(honest, alone):
    suspect = alone(honest)
    out = predict_part(suspect.run, suspect.shards, suspect.part, (), SILENT)
    path = suspect.run.folder / "predictions_test.parquet"
    write_out_of_sample(out, path)
    assert check_structure(suspect).state == "passed"

    write_out_of_sample(replace(out, ids=np.roll(out.ids, 100)), path)
    found = check_structure(suspect)
    assert found.state == "failed"
    assert {(each.column, each.file) for each in found.findings} == {("id", str(path))}

    write_out_of_sample(replace(out, predictions=-out.predictions), path)
    found = check_structure(suspect)
    assert found.findings[0].column == "prediction"
    assert found.findings[0].era == 39


def test_shards_unlike_the_parquet_are_found(world, honest, tmp_path):
    def exchange(block):
        if block.eras[0] != 49:
            return block
        x = block.x.copy()
        x[:7, 2] = (x[:7, 2] + 1) % 5
        return replace(block, x=x)

    shards = changed(world, tmp_path / "copy", exchange)
    (found,) = check_structure(replace(honest, shards=shards)).findings
    assert (found.column, found.era, found.value) == ("feature_c", 49, 7.0)
    assert found.file.endswith("validation.parquet")


def test_without_the_parquet_it_says_so(honest, tmp_path):
    found = check_structure(replace(honest, data=tmp_path / "none"))
    assert found.state == "passed"
    assert any("nothing was compared" in text for text in found.untested)


def test_distances_are_those_of_the_nearest_eras():
    assert apart(Part((1, 2, 9)), Part((12, 20))) == (3, 9, 12)
    assert apart(Part((1, 2, 30)), Part((12, 21))) == (9, 30, 21)
