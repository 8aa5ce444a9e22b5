"""What a leak check looks at: a run, its shards, and the files they were made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Progress, columns
from numerai_pipeline.data import Block, Fold, Part, ShardReader
from numerai_pipeline.evaluation.leaks.report import (
    MOST_FINDINGS,
    CheckResult,
    Finding,
    State,
)
from numerai_pipeline.evaluation.out_of_sample import (
    OutOfSample,
    choose_part,
    fold_of,
    predict_part,
)
from numerai_pipeline.evaluation.result import EvaluatedPart
from numerai_pipeline.training import Run

# Ids and predictions of live rows: the path of a file -> ``(rows,)`` of each.
PredictLive = Callable[[Run, Path], tuple[Sequence[str], npt.NDArray[np.float64]]]

# Eras of out-of-sample predictions that the fast checks look at: enough for an
# interval of 20-day targets, a minute at full width.
_FAST_TEST_ERAS = 48


@dataclass(frozen=True, eq=False)
class Suspect:
    """A run that is checked.

    Attributes:
        run: a finished run with out-of-sample eras.
        shards: those that its model learns from.
        data: folder of the release's files, as downloaded.
        benchmarks: Numerai's benchmark files that are there.
        predict_live: predicts a live file as the tournament's round does.
        work: an empty folder for what is retrained.
        is_full: test everything, instead of a part that takes a minute.
        progress: where to report.
    """

    run: Run
    shards: ShardReader
    data: Path
    benchmarks: Sequence[Path]
    predict_live: PredictLive
    work: Path
    is_full: bool
    progress: Progress

    @cached_property
    def fold(self) -> Fold:
        """The fold of the run."""
        return fold_of(self.run)

    @cached_property
    def target(self) -> str:
        """The target that scores are measured by."""
        names = self.shards.manifest.target_names
        return columns.TARGET if columns.TARGET in names else self.run.target

    @cached_property
    def needed_purge(self) -> int:
        """Eras that the targets need between two parts."""
        return columns.purge_eras((*self.run.targets, self.target))

    @cached_property
    def _chosen(self) -> tuple[EvaluatedPart, Part]:
        return choose_part(self.run, self.shards, "test")

    @property
    def on(self) -> EvaluatedPart:
        """What the out-of-sample eras were to the run: validation if it has no test."""
        return self._chosen[0]

    @property
    def part(self) -> Part:
        """The rows that nothing was learned from."""
        return self._chosen[1]

    @cached_property
    def out_of_sample(self) -> OutOfSample:
        """The run's predictions of these rows, in fast checks of some of the eras."""
        eras = self.part.eras
        if not self.is_full and len(eras) > _FAST_TEST_ERAS:
            # The nearest to the training, where a leak shows, and some far away.
            near = _FAST_TEST_ERAS // 2
            eras = (*eras[:near], *spread(eras[near:], near))
        return predict_part(
            self.run,
            self.shards,
            Part(eras, self.part.split),
            tuple(dict.fromkeys((self.target, self.run.target))),
            self.progress,
            self.benchmarks,
        )

    @cached_property
    def predicted_eras(self) -> tuple[int, ...]:
        """The eras of ``out_of_sample``, ascending."""
        return tuple(np.unique(self.out_of_sample.eras).tolist())

    def some(self, eras: Sequence[int], n_fast: int) -> tuple[int, ...]:
        """Return all eras; in fast checks so many, the first and the last included."""
        return tuple(eras) if self.is_full else spread(eras, n_fast)

    def predictions_of(self, era: int) -> npt.NDArray[np.float32]:
        """Return an era's out-of-sample predictions, in the order of the shards."""
        found = self.out_of_sample
        predictions: npt.NDArray[np.float32] = found.predictions[found.eras == era]
        return predictions

    def rows_of(self, era: int, features: Sequence[str]) -> Block:
        """Return the out-of-sample rows of an era."""
        return self.shards.read(
            self.part.split, eras=(era,), features=features, targets=()
        )


def spread(eras: Sequence[int], n: int) -> tuple[int, ...]:
    """Return at most n eras, evenly spread, the first and the last included.

    >>> spread(range(1, 11), 4), spread((3, 5), 4)
    ((1, 4, 7, 10), (3, 5))
    """
    if len(eras) <= n:
        return tuple(eras)
    return tuple(eras[place] for place in np.linspace(0, len(eras) - 1, n).astype(int))


def result_of(
    name: str,
    found: str,
    findings: Sequence[Finding],
    untested: Sequence[str] = (),
    *,
    is_warning: bool = False,
) -> CheckResult:
    """Return the outcome of a check: passed without findings."""
    bad: State = "warning" if is_warning else "failed"
    return CheckResult(
        name=name,
        state=bad if findings else "passed",
        found=found,
        findings=tuple(findings[:MOST_FINDINGS]),
        untested=tuple(untested),
    )
