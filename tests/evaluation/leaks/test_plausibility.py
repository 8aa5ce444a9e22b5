"""Planted: scores far above what Numerai's own models reach."""

from dataclasses import replace

import numpy as np

from numerai_pipeline.evaluation.leaks.plausibility import check_plausibility


def knowing(suspect, strength):
    """Let the predictions follow the targets."""
    out = suspect.out_of_sample
    noise = np.random.default_rng(4).normal(0, 1, len(out.eras))
    known = strength * np.nan_to_num(out.targets["target"], nan=0.5) + noise
    suspect.__dict__["out_of_sample"] = replace(
        out, predictions=known.astype(np.float32)
    )
    return suspect


def test_a_score_like_that_of_a_benchmark_passes(honest):
    found = check_plausibility(knowing(honest, 1.0))
    assert (found.state, found.findings, found.untested) == ("passed", (), ())
    assert "; v53_lgbm_ender20 0." in found.found


def test_a_score_far_above_the_benchmarks_is_a_warning(honest):
    found = check_plausibility(knowing(honest, 9.0))
    assert found.state == "warning"
    (finding,) = found.findings
    assert "times that of v53_lgbm_ender20 on the same 10 eras" in finding.says
    assert finding.value > 1.5


def test_without_benchmarks_real_data_sets_the_bound(honest):
    found = check_plausibility(knowing(replace(honest, benchmarks=()), 1.0))
    assert found.state == "warning"
    assert found.findings[0].says.startswith("a mean CORR of ")
    assert found.untested
    weak = replace(honest, benchmarks=())
    assert check_plausibility(knowing(weak, 0.1)).state == "passed"
