"""All leak checks of a run, one after the other."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from numerai_pipeline.core import (
    SILENT,
    DataError,
    Progress,
    digest_of,
    locked,
    sha256_of,
    stopwatch,
)
from numerai_pipeline.data import ShardReader
from numerai_pipeline.evaluation.leaks.future import (
    check_scrambled_future,
    check_truncation,
)
from numerai_pipeline.evaluation.leaks.parity import check_live_parity
from numerai_pipeline.evaluation.leaks.permuted import check_permuted_target
from numerai_pipeline.evaluation.leaks.plausibility import check_plausibility
from numerai_pipeline.evaluation.leaks.purge import check_purge_profile
from numerai_pipeline.evaluation.leaks.report import (
    LAYOUT,
    CheckResult,
    LeakReport,
    read_leak_report,
)
from numerai_pipeline.evaluation.leaks.retraining import Retraining
from numerai_pipeline.evaluation.leaks.structure import check_structure
from numerai_pipeline.evaluation.leaks.suspect import PredictLive, Suspect
from numerai_pipeline.evaluation.leaks.wiring import check_wiring
from numerai_pipeline.evaluation.out_of_sample import fold_of
from numerai_pipeline.training import Run

# Beside the runs; what a killed check leaves is deleted by the model's next one.
_WORK = "leak-check.partial"

_Check = Callable[[], CheckResult]


def check_leaks(
    run: Run,
    shards: ShardReader,
    *,
    data: Path,
    benchmarks: Sequence[Path],
    predict_live: PredictLive,
    is_full: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> LeakReport:
    """Check a run for leaks and write ``leaks.json`` into its folder.

    Nothing is done if that file was made from the same run and shards, and was not less
    thorough.

    Args:
        run: a finished run; of a refit, the run that it is a refit of.
        shards: those that its model learns from.
        data: folder of the release's files; may lack some or all.
        benchmarks: Numerai's benchmark files that are there.
        predict_live: predicts a live file as a round of the tournament does.
        is_full: test all eras and train at full length.
        force: check again what was checked.
        progress: where to report.

    Raises:
        ConfigError: if another process checks this model.
        DataError: if the run did not record its eras, or a file is broken.
    """
    _check_eras(run, shards)
    fingerprint = _fingerprint(run, shards, data, benchmarks)
    known = None if force else read_leak_report(run.folder)
    if known and known.fingerprint == fingerprint and known.is_full >= is_full:
        return known
    work = run.folder.parent.with_name(_WORK)
    with locked(work, doing=f"checking '{run.name}' for leaks"):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        suspect = Suspect(
            run, shards, data, benchmarks, predict_live, work, is_full, progress
        )
        try:
            checks = _all_checks(suspect)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    report = LeakReport(
        folder=run.folder,
        model=run.name,
        is_full=is_full,
        shards_fingerprint=shards.manifest.fingerprint,
        fingerprint=fingerprint,
        checks=checks,
    )
    report.write()
    return report


def _check_eras(run: Run, shards: ShardReader) -> None:
    """Check that the shards have eras that the run learned from."""
    train = fold_of(run).train
    if not set(train) & set(shards.eras()):
        raise DataError(
            f"{shards.folder} has none of the {len(train)} training eras of "
            f"'{run.name}' ({run.folder.name}), so it cannot be trained again. Run "
            "`nai etl` with these eras."
        )


def _all_checks(suspect: Suspect) -> tuple[CheckResult, ...]:
    retraining = Retraining(suspect)
    checks: tuple[tuple[str, _Check], ...] = (
        ("structure", lambda: check_structure(suspect)),
        ("truncation", lambda: check_truncation(retraining)),
        ("scrambled future", lambda: check_scrambled_future(retraining)),
        ("live parity", lambda: check_live_parity(suspect)),
        ("target wiring", lambda: check_wiring(suspect)),
        ("permuted target", lambda: check_permuted_target(retraining)),
        ("purge profile", lambda: check_purge_profile(retraining)),
        ("too good", lambda: check_plausibility(suspect)),
    )
    title, found = f"checking {suspect.run.name} for leaks", []
    with suspect.progress.task(title, len(checks), "checks") as advance:
        for name, check in checks:
            suspect.progress.note(f"{suspect.run.name}: {name}")
            started = stopwatch()
            result = check()
            found.append(replace(result, seconds=round(stopwatch() - started, 1)))
            advance(1)
    return tuple(found)


def _fingerprint(
    run: Run, shards: ShardReader, data: Path, benchmarks: Sequence[Path]
) -> str:
    """Return what changes when the result could."""
    files = [*sorted(data.glob("*.parquet")), *benchmarks]
    return digest_of(
        {
            "layout": LAYOUT,
            "version": version("numerai-pipeline"),
            "run": sha256_of(run.best().path),
            "fold": None if run.fold is None else run.fold.to_dict(),
            "shards": shards.manifest.fingerprint,
            "files": [(path.name, path.stat().st_size) for path in files],
        }
    )
