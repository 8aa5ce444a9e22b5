"""Whether a model that can learn nothing scores nothing."""

from dataclasses import replace

import numpy as np

from numerai_pipeline.core import SILENT
from numerai_pipeline.data import Block, Fold, Part
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.retraining import Retraining
from numerai_pipeline.evaluation.leaks.suspect import result_of
from numerai_pipeline.evaluation.out_of_sample import (
    corr_of,
    predict_part,
    rows_with_target,
)
from numerai_pipeline.scoring import Interval, mean_interval

# By luck alone one interval of twenty does not cover zero, two in a row on the same
# side in one of 800 checks.
_TRIES = (1, 2)


def check_permuted_target(retraining: Retraining) -> CheckResult:
    """Permute the targets within each era, train again, and score on later eras."""
    name, (fold, part) = "permuted target", retraining.tested
    intervals: list[Interval] = []
    for seed in _TRIES:
        intervals.append(_corr_of_noise(retraining, seed, fold, part))
        if not _is_off(intervals):
            break
    last = intervals[-1]
    found = f"CORR {last.mean:+.4f} ({last.low:+.4f} to {last.high:+.4f})"
    if np.isnan(last.low):
        why = f"{len(part.eras)} test eras have too few targets for an interval"
        return CheckResult(name, "not tested", why, untested=(why,))
    findings = []
    if _is_off(intervals):
        findings.append(
            Finding(
                f"the recipe scores {found} on targets that were permuted within each "
                "era, where nothing can be learned: it sees the targets of test eras.",
                file=str(retraining.suspect.run.folder / "config.toml"),
                column=retraining.suspect.run.target,
                era=part.eras[0],
                value=last.mean,
            )
        )
    untested = ["leaks that the order of the rows does not carry"]
    if not retraining.suspect.is_full:
        untested.append(f"all but {len(part.eras)} test eras, and a full training")
    return result_of(name, f"{found} on {len(part.eras)} eras", findings, untested)


def permute(block: Block, seed: int) -> Block:
    """Return the rows of an era with the targets of other rows of it."""
    random = np.random.default_rng([seed, int(block.eras[0])])
    return replace(block, y=random.permutation(block.y))


def _corr_of_noise(
    retraining: Retraining, seed: int, fold: Fold, part: Part
) -> Interval:
    shards = retraining.copy(
        f"permuted-{seed}", retraining.eras, lambda block: permute(block, seed)
    )
    run = retraining.train(shards, fold)
    target = run.target
    found = predict_part(run, shards, part, (target,), SILENT)
    if not rows_with_target(found, target).any():  # the last eras are not resolved
        return Interval(np.nan, np.nan, np.nan)
    # Permuted eras have nothing in common, so their scores do not overlap.
    return mean_interval(corr_of(found, target).values, horizon=1)


def _is_off(intervals: list[Interval]) -> bool:
    """Return whether all intervals are on the same side of zero."""
    above = all(interval.low > 0 for interval in intervals)
    return above or all(interval.high < 0 for interval in intervals)
