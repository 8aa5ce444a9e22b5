"""Does a backtest: trains each fold, predicts its test eras, and joins them.

Each step leaves a file that a later start takes as it is: the plan, the runs of the
folds (which training resumes within an epoch or a batch of trees), the predictions of
a fold, its result, the joined predictions, ``DONE``.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numerai_pipeline.core import (
    PARTIAL_SUFFIX,
    SILENT,
    DataError,
    PipelineError,
    Progress,
    atomic_folder,
    atomic_path,
    columns,
    counted,
    heal_folder,
    locked,
    retrain,
    stopwatch,
)
from numerai_pipeline.data import ShardReader
from numerai_pipeline.evaluation.backtests.folder import (
    PREDICTIONS_FILE,
    Backtest,
    FoldResult,
)
from numerai_pipeline.evaluation.backtests.plan import BacktestPlan
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    corr_of,
    fold_of,
    predict_part,
    rows_with_target,
    write_out_of_sample,
)
from numerai_pipeline.training import (
    RUN_CONFIG,
    Executor,
    Processes,
    Serial,
    TrainingJob,
    n_cores,
    train,
)


@dataclass(frozen=True)
class FoldJob:
    """A fold to train and to predict; see ``run_fold``.

    Attributes:
        number: from 1.
        folder: its folder; the runs of the job stand in it.
        job: its training.
        shards_fingerprint: of the shards of the plan.
    """

    number: int
    folder: Path
    job: TrainingJob
    shards_fingerprint: str


def run_backtest(
    plan: BacktestPlan, *, progress: Progress = SILENT, restart: bool = False
) -> Backtest:
    """Do a backtest, or what is left of it; a finished one is returned at once.

    Args:
        plan: what to do.
        progress: where to report; the plan comes first.
        restart: begin again, and drop what the folder holds when the new plan is
            written.

    Raises:
        ConfigError: if the recipe is wrong, or another process does this backtest.
        DataError: if a fold fails or a file is broken; the other folds are done, and
            the next start resumes.
    """
    folder = plan.folder
    doing = f"backtesting '{plan.job.name}'"
    with locked(folder.parent / plan.short, doing=doing):
        heal_folder(folder)
        if restart or not (folder / RUN_CONFIG).is_file():
            _begin(plan)
        backtest = Backtest.open(folder)
        for leftover in folder.rglob(f".*{PARTIAL_SUFFIX}"):
            if leftover.is_file():  # of a step that was killed; `train` sweeps folders
                leftover.unlink()
        if backtest.is_done and len(backtest.results()) == len(plan.folds):
            return backtest
        for line in plan.lines():
            progress.note(line)
        _run_folds(plan, backtest, progress)
        join_folds(backtest, progress)
        backtest.mark_done()
    return backtest


def _begin(plan: BacktestPlan) -> None:
    """Make the folder with its plan, atomically."""
    job, checked = plan.job, plan.job.checked_recipe()
    manifest = ShardReader(job.shards).manifest
    planned = Backtest(
        folder=plan.folder,
        name=job.name,
        recipe=checked.complete(),
        targets=checked.targets,
        scheme=plan.scheme,
        folds=plan.folds,
        purge=plan.folds[0].purge,
        shards_fingerprint=manifest.fingerprint,
        data_version=manifest.data_version,
        started=job.started,
    )
    with atomic_folder(plan.folder) as partial:
        planned.write_plan(
            partial,
            fingerprint=plan.fingerprint,
            shards=job.shards.name,
            n_features=plan.n_features,
        )


def _run_folds(plan: BacktestPlan, backtest: Backtest, progress: Progress) -> None:
    done = {result.number for result in backtest.results()}
    left = [
        FoldJob(number, backtest.fold_dir(number), job, backtest.shards_fingerprint)
        for number, job in enumerate(plan.jobs, start=1)
        if number not in done
    ]
    executor: Executor = Serial()
    if plan.n_parallel > 1:
        executor = Processes(plan.n_parallel, max(1, n_cores() // plan.n_parallel))
        # The longest first, so that none is left alone at the end.
        left.sort(key=lambda fold: -plan.rows[fold.number - 1].train)
    outcomes = executor.run(
        run_fold,
        {f"fold {fold.number}": fold for fold in left},
        progress,
        title=f"backtesting {plan.job.name}",
    )
    errors = {label: one.error for label, one in outcomes.items() if one.error}
    for label, error in errors.items():
        if not isinstance(error, PipelineError):
            raise error
        others = f" {counted(len(errors) - 1, 'other folds')} failed too."
        more = others if len(errors) > 1 else ""
        raise type(error)(f"{label} of {len(plan.folds)}: {error}{more}") from error


def run_fold(fold: FoldJob, progress: Progress) -> FoldResult:
    """Train a fold, predict its test eras, and write both into its folder.

    Raises:
        ConfigError: as ``train`` does.
        DataError: as ``train`` does, or if the shards were rebuilt meanwhile.
    """
    run = train(fold.job, progress=progress)
    started = stopwatch()
    reader, target = _shards(fold, progress), run.target
    if columns.TARGET in reader.manifest.target_names:
        target = columns.TARGET
    part = fold_of(run).part("test")
    benchmarks = fold.job.benchmarks
    found = predict_part(run, reader, part, (target,), progress, benchmarks)
    write_out_of_sample(found, fold.folder / PREDICTIONS_FILE)
    result = FoldResult(
        number=fold.number,
        n_train_rows=reader.n_rows(None, fold.job.fold.train),
        n_rows=len(found.ids),
        best_epoch=run.best().epoch,
        unit=run.unit,
        corr=mean_corr(found, target),
        seconds=run.seconds + stopwatch() - started,
    )
    result.write(fold.folder)
    return result


def _shards(fold: FoldJob, progress: Progress) -> ShardReader:
    reader = fold.job.reader(progress)
    if reader.manifest.fingerprint != fold.shards_fingerprint:
        raise DataError(
            f"{fold.job.shards} was rebuilt since the backtest of '{fold.job.name}' "
            f"began. Run `nai backtest {fold.job.name}` again, which begins another."
        )
    return reader


def mean_corr(found: OutOfSample, target: str) -> float:
    """Return the mean CORR of the eras that have the target; NaN if none has."""
    if not rows_with_target(found, target).any():
        return math.nan
    return corr_of(found, target).summary().mean


def join_folds(backtest: Backtest, progress: Progress) -> None:
    """Write the predictions of all folds into one file, with the fold's number.

    Raises:
        DataError: if the file of a fold is broken.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    n_folds = len(backtest.folds)
    with progress.task("joining predictions", n_folds, "folds") as advance:
        for number in range(1, n_folds + 1):
            path = backtest.fold_dir(number) / PREDICTIONS_FILE
            try:
                table = pq.read_table(path)
            except (OSError, pa.ArrowInvalid) as error:
                raise DataError(
                    f"{path} cannot be read ({error}). {retrain(path)}"
                ) from error
            of_rows = pa.array(np.full(len(table), number, np.int16))
            tables.append(table.add_column(2, "fold", of_rows))
            advance(1)
    whole = pa.concat_tables(tables).unify_dictionaries()
    with atomic_path(backtest.folder / PREDICTIONS_FILE) as partial:
        pq.write_table(whole, partial)
