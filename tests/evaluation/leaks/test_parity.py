"""Planted: a family that ranks or normalizes over all rows it is given."""

from dataclasses import replace

import numpy as np
import pytest

from numerai_pipeline.evaluation.leaks.parity import check_live_parity


def test_trees_pass(honest):
    found = check_live_parity(honest)
    assert (found.state, found.findings) == ("passed", ())
    assert found.untested == ("all but 3 eras (--full)",)


def test_without_the_parquet_the_live_file_is_made_of_shards(honest, tmp_path):
    found = check_live_parity(replace(honest, data=tmp_path / "none"))
    assert found.state == "passed"
    assert found.untested[0].startswith("live files made of Parquet")


def test_live_code_that_differs_is_found(honest):
    def reversed_ranks(run, live):
        ids, ranks = honest.predict_live(run, live)
        return ids, ranks[::-1]

    found = check_live_parity(replace(honest, predict_live=reversed_ranks))
    assert found.state == "failed"
    assert {each.era for each in found.findings} == {39, 44, 49}
    assert all("as a live file" in each.says for each in found.findings)


def test_predictions_of_other_eras_are_found(honest):
    out = honest.out_of_sample
    honest.__dict__["out_of_sample"] = replace(
        out, predictions=np.roll(out.predictions, 1)
    )
    found = check_live_parity(honest)
    assert "alone" in found.findings[0].says


@pytest.mark.slow
def test_a_rank_across_all_rows_is_found(world, train_on, suspect_of):
    # Normalizes by the mean of the rows that come together, as a rank does.
    run = train_on(
        world.shards,
        line="x = x / (1e-3 + keras.ops.mean(keras.ops.abs(x), axis=0, keepdims=True))",
    )
    found = check_live_parity(suspect_of(run))
    assert found.state == "failed"
    assert any("in halves" in each.says for each in found.findings)
    assert "depends on the rows beside it" in found.findings[0].says
