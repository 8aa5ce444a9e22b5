"""What a backtest will do, known before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from numerai_pipeline.core import (
    PARTIAL_SUFFIX,
    DataError,
    columns,
    counted,
    dated_name,
    digest_of,
    short_of,
    show_bytes,
)
from numerai_pipeline.data import (
    Fold,
    Scheme,
    ShardReader,
    backtest_folds,
    eras_subset,
    format_eras,
)
from numerai_pipeline.evaluation.backtests.folder import (
    Backtest,
    FoldResult,
    backtests_dir,
)
from numerai_pipeline.training import (
    RUN_CONFIG,
    TrainingJob,
    allowed_bytes,
    latest_run,
    make_plan,
    n_parallel,
    planned_bytes,
)

# Hex digits of the fingerprint in the name of a backtest's folder.
_SHORT = 8


@dataclass(frozen=True)
class FoldRows:
    """How many rows a fold has in each part."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class BacktestPlan:
    """The folds of a recipe, each a training job, and what they take.

    Attributes:
        job: what each fold trains; its own fold does not matter.
        scheme: how the eras are cut.
        folds: the eras of each fold.
        rows: the rows of each fold.
        without: eras that no fold predicts.
        n_features: features of a row.
        fingerprint: 64 hex digits of everything that decides the predictions.
        folder: where it is done: that of the same plan, if it was begun before.
        n_parallel: folds that are trained at a time.
        needed_bytes: memory of the largest fold, about.
        seconds: how long the folds will take that are not finished; None if nothing
            is known that they could be compared with.
        compared_with: what that was estimated from.
    """

    job: TrainingJob
    scheme: Scheme
    folds: tuple[Fold, ...]
    rows: tuple[FoldRows, ...]
    without: tuple[int, ...]
    n_features: int
    fingerprint: str
    folder: Path
    n_parallel: int
    needed_bytes: int
    seconds: float | None = None
    compared_with: str = ""

    @property
    def short(self) -> str:
        """The end of the folder's name."""
        return short_of(self.fingerprint)

    @property
    def jobs(self) -> tuple[TrainingJob, ...]:
        """The training of each fold, in its own folder of runs."""
        allowed = allowed_bytes(self.job.max_ram_bytes) // self.n_parallel
        eras = {era for fold in self.folds for era in (*fold.train, *fold.validation)}
        return tuple(
            replace(
                self.job,
                fold=fold,
                runs=self.folder / "folds" / f"{number:03d}" / "runs",
                shared_eras=tuple(sorted(eras)),
                also_from=self._others(number),
                max_ram_bytes=allowed,
            )
            for number, fold in enumerate(self.folds, start=1)
        )

    def _others(self, number: int) -> tuple[Path, ...]:
        """Return the folders of runs that other backtests have of a fold."""
        folds = self.folder.parent.glob(f"*/folds/{number:03d}/runs")
        return tuple(path for path in sorted(folds) if self.folder not in path.parents)

    def lines(self) -> list[str]:
        """Return the plan for people, a line per fold and what it takes."""
        scheme, n_eras = self.scheme, sum(len(fold.test) for fold in self.folds)
        n_rows = sum(rows.test for rows in self.rows)
        text = (
            f"backtest of {self.job.name}, {scheme.name}: "
            f"{counted(len(self.folds), 'folds')} predict {n_eras:,} eras, "
            f"{n_rows:,} rows; purge {self.folds[0].purge}"
        )
        lines = [text]
        if scheme.learns_from_future:
            lines.append("blocked: each fold also learns from later eras than it tests")
        for number, (fold, rows) in enumerate(
            zip(self.folds, self.rows, strict=True), start=1
        ):
            lines.append(
                f"fold {number}: trains on {_of(fold.train)} ({rows.train:,} rows), "
                f"chooses on {_of(fold.validation)}, predicts {_of(fold.test)}"
            )
        if self.without:
            lines.append(
                f"not predicted: {_of(self.without)}, since too few eras are left to "
                "learn from before them"
            )
        lines.append(self._costs())
        return lines

    def _costs(self) -> str:
        at_a_time = counted(self.n_parallel, "folds")
        text = f"{at_a_time} at a time, about {show_bytes(self.needed_bytes)} each"
        if self.seconds is None:
            return f"{text}; how long it takes is known when a fold is finished"
        left = timedelta(seconds=round(self.seconds))
        return f"{text}; about {left} left, going by {self.compared_with}"


def plan_backtest(
    job: TrainingJob,
    eras: Sequence[int],
    scheme: Scheme,
    *,
    parallel: int | None = None,
) -> BacktestPlan:
    """Plan a backtest; nothing is written.

    Args:
        job: trains the recipe; its ``runs`` are the model's, beside which the backtest
            is put, and its fold does not matter.
        eras: eras to learn from and to predict, ascending.
        scheme: how to cut them into folds.
        parallel: folds to train at a time; None: as memory and cores allow.

    Raises:
        ConfigError: if the recipe is wrong, or the eras make no fold.
        DataError: if the shards are broken or lack what the recipe names.
    """
    checked, reader = job.checked_recipe(), job.reader()
    targets = (*checked.targets, columns.TARGET)
    purge = reader.purge(targets, allow_leak=job.allow_leak)
    learns_from = eras_subset(job.recipe.eras or "1-")
    folds = backtest_folds(eras, scheme, purge=purge, learns_from=learns_from)
    plans = [make_plan(replace(job, fold=fold)) for fold in folds]
    n_features = len(plans[0].features)
    rows = tuple(_rows(reader, fold) for fold in folds)
    n_values = n_features * max(row.train + row.validation for row in rows)
    engine = checked.family.engine
    allowed = allowed_bytes(job.max_ram_bytes)
    fingerprint = digest_of([plan.fingerprint for plan in plans])
    folder = _folder(job, fingerprint)
    predicted = {era for fold in folds for era in fold.test}
    seconds, compared_with = _estimate(job, folder, rows)
    return BacktestPlan(
        job=job,
        scheme=scheme,
        folds=tuple(folds),
        rows=rows,
        without=tuple(era for era in eras if era not in predicted),
        n_features=n_features,
        fingerprint=fingerprint,
        folder=folder,
        n_parallel=(
            min(parallel, len(folds))
            if parallel
            else n_parallel(engine, len(folds), n_values, allowed)
        ),
        needed_bytes=planned_bytes(engine, n_values),
        seconds=seconds,
        compared_with=compared_with,
    )


def _rows(reader: ShardReader, fold: Fold) -> FoldRows:
    parts = (fold.train, fold.validation, fold.test)
    return FoldRows(*(reader.n_rows(None, part) for part in parts))


def _folder(job: TrainingJob, fingerprint: str) -> Path:
    """Return the folder of the same plan, or the name of a new one."""
    backtests, short = backtests_dir(job.runs), short_of(fingerprint)
    for path in sorted(backtests.glob(f"*-{short}/{RUN_CONFIG}")):
        return path.parent
    # What a kill left while it put a folder into place has its name.
    for leftover in sorted(backtests.glob(f".*-{short}.*{PARTIAL_SUFFIX}")):
        return backtests / leftover.name.split(".")[1]
    return backtests / dated_name(job.started, fingerprint)


def _estimate(
    job: TrainingJob, folder: Path, rows: Sequence[FoldRows]
) -> tuple[float | None, str]:
    """Estimate the seconds of the folds that are left from those per training row.

    The number of epochs or trees is taken to be that of what they are compared with.
    """
    done = _results(folder)
    numbers = {result.number for result in done}
    left = sum(
        row.train for number, row in enumerate(rows, start=1) if number not in numbers
    )
    if done:
        spent = sum(result.seconds for result in done)
        per_row = spent / sum(result.n_train_rows for result in done)
        return per_row * left, counted(len(done), "finished folds")
    try:
        run = latest_run(job.runs)
        if run.fold is None or run.recipe != job.checked_recipe().complete():
            return None, ""
        n_rows = job.reader().n_rows(None, run.fold.train)
        spent = run.seconds
    except DataError:  # no run, a broken one, or one of other eras
        return None, ""
    return spent / max(1, n_rows) * left, f"the run {run.folder.name}"


def _results(folder: Path) -> list[FoldResult]:
    """Return what came of finished folds; none of a broken or a new backtest."""
    try:
        return Backtest.open(folder).results()
    except DataError:  # `run_backtest` reports what is broken
        return []


def _of(eras: Sequence[int]) -> str:
    """Return how many eras there are, from which to which."""
    count = counted(len(eras), "eras")
    text = format_eras(eras)
    return f"{count} {text}" if len(text) <= 20 else f"{count} {eras[0]}..{eras[-1]}"
