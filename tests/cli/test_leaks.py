"""How the leak check ends and what it prints."""

from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.api import LeakChecked, Outcome
from numerai_pipeline.cli import printing
from numerai_pipeline.core import ConfigError
from numerai_pipeline.evaluation import CheckResult, Finding, LeakReport


def checked(**states: Any) -> LeakChecked:
    finding = Finding(
        "feature_a gives 'target' away.", "f.parquet", "feature_a", 7, 1.0
    )
    return LeakChecked(
        [
            Outcome(
                name,
                LeakReport(
                    Path(name),
                    name,
                    False,
                    "s",
                    "f",
                    (
                        CheckResult("structure", "passed", "purge 8"),
                        CheckResult(
                            "target wiring",
                            state,
                            "8 features",
                            (finding,) if state != "passed" else (),
                            ("the rest",),
                        ),
                    ),
                ),
            )
            for name, state in states.items()
        ]
    )


def test_a_finding_ends_with_code_3_and_a_warning_does_not() -> None:
    assert checked(mlp="passed", lightgbm="warning").exit_code == 0
    assert checked(mlp="failed", lightgbm="passed").exit_code == 3
    error = Outcome["LeakReport"]("cnn", error=ConfigError("no"))
    assert LeakChecked([error]).exit_code == 2


def test_each_finding_has_a_row_with_file_column_era_and_value() -> None:
    result = checked(mlp="failed")
    assert result.table.loc[("mlp", "target wiring"), "state"] == "failed"
    (row,) = result.findings.to_dict("records")
    assert (row["file"], row["column"], row["era"], row["value"]) == (
        "f.parquet",
        "feature_a",
        7,
        1.0,
    )


def test_findings_follow_the_table_and_then_what_was_not_tested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printing.print_result(checked(mlp="failed"))
    shown = capsys.readouterr().out
    assert "mlp, fast leak check: 1 failed, 1 passed" in shown
    says = "mlp: target wiring failed: feature_a gives 'target' away."
    assert shown.index("purge 8") < shown.index(says)
    untested = "mlp: target wiring, not tested: the rest"
    assert shown.index(says) < shown.index(untested)


def test_without_a_trained_model_it_says_so(tmp_path: Path, nai_in: Any) -> None:
    nai = nai_in(tmp_path)
    nai("init")
    assert "no trained model" in nai("leak-check", code=2)
