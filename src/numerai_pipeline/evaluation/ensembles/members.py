"""The runs that an ensemble was made with, and the eras that they saw together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from numerai_pipeline.core import DataError
from numerai_pipeline.data import Fold
from numerai_pipeline.evaluation.out_of_sample import fold_of
from numerai_pipeline.training import Member, Run


def pin(run: Run, tested: Run) -> Member:
    """Return a run as a member of an ensemble.

    Args:
        run: predicts live data.
        tested: predicts all other eras; the same run, unless that is a refit.

    Raises:
        DataError: if one is not finished or broken.
    """
    run.best()  # raises if a file has changed
    return Member(
        model=run.name,
        run=run.folder.name,
        checksum=run.checksum,
        tested_run=tested.folder.name,
        tested_checksum=tested.checksum,
        targets=run.targets,
    )


def open_member(ensemble: Run, member: Member, *, is_live: bool) -> Run:
    """Open the run of a member.

    Args:
        ensemble: its run.
        member: one of its members.
        is_live: whether for live data; otherwise the run that has test eras.

    Raises:
        DataError: if the run is gone, or is another one than the ensemble was made
            with.
    """
    name, known = member.run, member.checksum
    if not is_live:
        name, known = member.tested_run, member.tested_checksum
    models: Path = ensemble.folder.parents[2]
    folder = models / member.model / "runs" / name
    if not folder.is_dir():
        raise DataError(f"its run {folder} does not exist any more.")
    run = Run.open(folder)
    if run.checksum != known:
        raise DataError(
            f"its run {folder} was made again since, and is not the one that the "
            "ensemble was made with."
        )
    return run


@contextmanager
def named(ensemble: Run, member: Member) -> Iterator[None]:
    """Name the member and the remedy in errors of the block."""
    try:
        yield
    except DataError as error:
        raise DataError(
            f"the ensemble '{ensemble.name}' ({ensemble.folder.name}) cannot predict "
            f"without its member '{member.model}': {error} To make the ensemble of "
            f"the members' present production runs: `nai train {ensemble.name}`, then "
            f"`nai promote {ensemble.name}`."
        ) from error


def joint_fold(runs: Sequence[Run]) -> Fold:
    """Return the eras that any of some runs saw, and those that are test eras of all.

    Raises:
        DataError: if a run did not record its eras, or has the same eras in several
            parts.
    """
    folds = [fold_of(run) for run in runs]
    for run, fold in zip(runs, folds, strict=True):
        if fold.by_rows:
            raise DataError(
                f"the run {run.folder.name} of '{run.name}' learned from shards that "
                "were split by rows, so no era is out-of-sample and it cannot be a "
                "member. Run `nai etl --split-by era` and train it again."
            )
    return union_fold(folds)


def union_fold(folds: Sequence[Fold], test: Sequence[int] | None = None) -> Fold:
    """Return a fold that saw what any of some folds saw.

    Where eras that one learned from are too near to those that another was chosen on,
    all of them count as learned from.

    Args:
        folds: of the members.
        test: candidates for its test eras, ascending; None: those that all have.

    >>> folds = [Fold((1, 2), (6,), (10, 11), 2), Fold((1, 2, 3), (7,), (11,), 2)]
    >>> union_fold(folds)
    Fold(train=(1, 2, 3), validation=(6, 7), test=(11,), purge=2, by_rows=False)
    """
    purge = max(fold.purge for fold in folds)
    train = {era for fold in folds for era in fold.train}
    chosen = {era for fold in folds for era in fold.validation} - train
    try:
        seen = Fold(tuple(sorted(train)), tuple(sorted(chosen)), purge=purge)
    except ValueError:
        seen = Fold(tuple(sorted(train | chosen)), (), purge=purge)
    if test is None:
        test = sorted(set.intersection(*(set(fold.test) for fold in folds)))
    return Fold(seen.train, seen.validation, seen.unseen(test), purge)
