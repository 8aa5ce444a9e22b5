"""The report of all checks: written, read, kept, and cleaned up after."""

import json
import sys

import pyarrow.parquet as pq
import pytest

from numerai_pipeline.core import ConfigError, DataError, locked
from numerai_pipeline.evaluation import (
    CheckResult,
    Finding,
    LeakReport,
    check_leaks,
    read_leak_report,
)
from numerai_pipeline.evaluation.leaks.watching import sees_libraries, watching

NAMES = [
    "structure",
    "truncation",
    "scrambled future",
    "live parity",
    "target wiring",
    "permuted target",
    "purge profile",
    "too good",
]


def report_of(folder, *states):
    finding = Finding("it leaks", "a.parquet", "target", 3, 0.5)
    checks = tuple(
        CheckResult(f"check {place}", state, "found", (finding,), ("the rest",), 0.1)
        for place, state in enumerate(states)
    )
    return LeakReport(folder, "mine", False, "s", "f", checks)


def test_a_report_is_as_bad_as_its_worst_check(tmp_path):
    report = report_of(tmp_path, "passed", "not tested", "passed")
    assert report.state == "not tested"
    assert report.sentence == "fast leak check: 1 not tested, 2 passed"
    report = report_of(tmp_path, "failed", "warning", "passed")
    assert report.state == "failed"
    assert report.to_dict()["checks"][0]["findings"][0]["era"] == 3


def test_a_report_is_read_as_it_was_written(tmp_path):
    assert read_leak_report(tmp_path) is None
    report = report_of(tmp_path, "failed", "passed")
    report.write()
    assert read_leak_report(tmp_path) == report
    path = tmp_path / "leaks.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"layout": 0}))
    assert read_leak_report(tmp_path) is None
    for broken in ("", "[]", json.dumps(record | {"checks": [{"name": "x"}]})):
        path.write_text(broken)
        assert read_leak_report(tmp_path) is None


@pytest.fixture
def check(alone, honest):
    """A function that checks a run of its own."""
    suspect = alone(honest)

    def call(shards=suspect.shards, **options):
        report = check_leaks(
            suspect.run,
            shards,
            data=suspect.data,
            benchmarks=suspect.benchmarks,
            predict_live=suspect.predict_live,
            **options,
        )
        return suspect.run, report

    return call


@pytest.mark.slow
def test_all_checks_of_honest_trees_pass_and_leave_a_report(check, tmp_path):
    # As a killed check leaves it.
    work = tmp_path / "models" / "mine" / "leak-check.partial"
    (work / "whole").mkdir(parents=True)
    run, report = check()
    assert [each.name for each in report.checks] == NAMES
    states = {each.name: each.state for each in report.checks}
    # This world's benchmarks are noise around the target.
    assert states.pop("too good") == "warning"
    assert set(states.values()) == {"passed"}
    found = {each.name: each.found for each in report.checks}
    assert found["truncation"] == "retrained with eras that are cut off after era 0030"
    assert found["scrambled future"].endswith("scrambled after era 0016")
    assert found["permuted target"].endswith("on 11 eras")
    assert found["purge profile"].startswith("CORR near/far purge 0: ")
    assert report.shards_fingerprint
    assert read_leak_report(run.folder) == report
    assert not work.exists()

    done = (run.folder / "leaks.json").stat().st_mtime_ns
    assert check()[1] == report
    assert (run.folder / "leaks.json").stat().st_mtime_ns == done


def test_one_process_checks_a_model_at_a_time(check, tmp_path):
    work = tmp_path / "models" / "mine" / "leak-check.partial"
    with locked(work, doing="checking"), pytest.raises(ConfigError, match="another"):
        check()


def test_shards_without_the_training_eras_are_refused(check, shards_of):
    with pytest.raises(DataError, match="none of the 16 training eras"):
        check(shards=shards_of(eras_subset="20-", purge=0))


@pytest.mark.parametrize("any_process", [False, True])
def test_files_of_rows_that_are_opened_are_seen(tmp_path, any_process):
    own, shards = tmp_path / "own", tmp_path / "shards"
    files = (own / "a.tfr", shards / "b.tfr", shards / "c.json")
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    with watching((tmp_path,), (own,), any_process=any_process) as watch:
        for path in files:
            path.read_bytes()
        sys.audit("open", 3, "r", 0)
    (shards / "later.tfr").write_bytes(b"")
    assert watch.opened == {shards / "b.tfr"}


@pytest.mark.skipif(not sees_libraries(), reason="this system does not report them")
def test_files_that_a_library_opens_are_seen(world, tmp_path):
    path = world.data / "train.parquet"
    for any_process, expected in ((False, set()), (True, {path})):
        with watching((world.data,), (tmp_path,), any_process=any_process) as watch:
            pq.read_table(path, columns=["era"])
        assert watch.opened == expected
