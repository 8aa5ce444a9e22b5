"""What the members of an ensemble predict out-of-sample, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, Progress, columns, sha256_of
from numerai_pipeline.data import Fold, RowIds, ShardReader, format_eras
from numerai_pipeline.evaluation.backtests.folder import Backtest
from numerai_pipeline.evaluation.ensembles.blended import MemberRows
from numerai_pipeline.evaluation.evaluating import (
    Subject,
    subject_of_backtest,
    subject_of_run,
)
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    read_out_of_sample,
    rows_with_target,
)
from numerai_pipeline.evaluation.references import References
from numerai_pipeline.training import Run

# Test eras have no folds: weights are learned again every half year, so that few eras
# are blended by old ones.
BLOCK_ERAS = 26


@dataclass(frozen=True, eq=False)
class Joined:
    """Predictions of the members for the same rows, of eras that none learned from.

    Attributes:
        on: whether they are of the members' backtests or of the runs' test eras.
        names: the members, in the order of the columns.
        found: ids, eras and targets of the rows; its predictions are the first
            member's.
        predictions: ``(rows, k)`` float32, as the members' models give them.
        target: what weights are learned by.
        starts: first era of each stretch that gets weights of its own, ascending.
        purge: eras between those that weights are learned from and their stretch.
        checksums: of the files of predictions, in the order of the members.
        shards_fingerprint: of the shards that the targets come from.
    """

    on: Literal["backtest", "test"]
    names: tuple[str, ...]
    found: OutOfSample
    predictions: npt.NDArray[np.float32]
    target: str
    starts: tuple[int, ...]
    purge: int
    checksums: tuple[str, ...]
    shards_fingerprint: str

    @property
    def eras(self) -> tuple[int, ...]:
        """The eras, ascending."""
        return tuple(np.unique(self.found.eras).tolist())

    def scored(self, meta_model: Path | None) -> MemberRows:
        """Return the rows that have the target.

        Args:
            meta_model: Numerai's ``meta_model.parquet``; None: no MMC.

        Raises:
            DataError: if no era has the target.
        """
        rows = rows_with_target(self.found, self.target)
        if not rows.any():
            raise DataError(
                f"none of the eras {format_eras(self.eras)} that the members predict "
                f"out-of-sample has a '{self.target}' yet."
            )
        known = None
        if meta_model is not None:
            references = References(self.found.ids[rows], meta_model, ())
            known = references.read("meta model", columns.META_MODEL).values
        return MemberRows(
            names=self.names,
            eras=self.found.eras[rows],
            predictions=self.predictions[rows],
            targets=self.found.targets[self.target][rows],
            meta_model=known,
        )


def join_runs(
    runs: Mapping[str, Run],
    shards: ShardReader,
    target: str,
    progress: Progress,
    benchmarks: Sequence[Path] = (),
) -> Joined:
    """Join what runs predict for the test eras that all of them have.

    Args:
        runs: finished ones, no refits, by the members' names; they predict what they
            have not predicted yet.
        shards: have the rows.
        target: what weights are learned by.
        progress: where to report.
        benchmarks: Numerai's benchmark files, where a run neutralizes to some.

    Raises:
        DataError: if there is no such era.
    """
    subjects = {}
    for name, run in runs.items():
        subject = subject_of_run(run, shards, benchmarks=benchmarks, progress=progress)
        if subject.on != "test":
            raise DataError(f"'{run.name}' has no test eras in {shards.folder}.")
        subjects[name] = subject
    return _join("test", subjects, shards, target)


def join_backtests(
    backtests: Mapping[str, Backtest], shards: ShardReader, target: str
) -> Joined:
    """Join what backtests predict for the eras that all of them have.

    Args:
        backtests: finished ones, by the members' names.
        shards: have the rows.
        target: what weights are learned by.

    Raises:
        DataError: if there is no such era, or a backtest is broken.
    """
    subjects = {
        name: subject_of_backtest(backtest, shards)
        for name, backtest in backtests.items()
    }
    return _join("backtest", subjects, shards, target)


def _join(
    on: Literal["backtest", "test"],
    subjects: Mapping[str, Subject],
    shards: ShardReader,
    target: str,
) -> Joined:
    folds = [fold for subject in subjects.values() for fold in subject.folds]
    purge = max(columns.purge_eras((target,)), *(fold.purge for fold in folds))
    paths = [subject.predictions for subject in subjects.values()]
    first = read_out_of_sample(paths[0], shards, (target,), purge=purge)
    # What a member's own [prediction] does is not done before blending.
    values = [first.from_model]
    is_common = np.ones(len(first.ids), bool)
    for path in paths[1:]:
        other = read_out_of_sample(path, shards, (), purge=purge)
        places = RowIds(other.ids).places(first.ids)
        is_common &= places >= 0
        values.append(other.from_model[places])
    if not is_common.any():
        raise DataError(f"{', '.join(subjects)} have no {on} era in common.")
    found = OutOfSample(
        ids=first.ids[is_common],
        eras=first.eras[is_common],
        predictions=first.predictions[is_common],
        targets={name: each[is_common] for name, each in first.targets.items()},
    )
    eras = np.unique(found.eras).tolist()
    starts = _first_of_folds(folds, eras) if on == "backtest" else eras[::BLOCK_ERAS]
    return Joined(
        on=on,
        names=tuple(subjects),
        found=found,
        predictions=np.column_stack(values)[is_common],
        target=target,
        starts=tuple(starts),
        purge=purge,
        checksums=tuple(map(sha256_of, paths)),
        shards_fingerprint=shards.manifest.fingerprint,
    )


def _first_of_folds(folds: Sequence[Fold], eras: Sequence[int]) -> list[int]:
    """Return the eras at which a fold of any member begins."""
    begins = sorted({fold.test[0] for fold in folds if fold.test})
    found = {next((era for era in eras if era >= begin), None) for begin in begins}
    return sorted(era for era in found if era is not None)
