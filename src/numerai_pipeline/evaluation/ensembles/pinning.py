"""Runs as members of a new ensemble, and the eras that they saw together."""

from collections.abc import Sequence

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
