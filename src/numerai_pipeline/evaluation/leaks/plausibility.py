"""Whether a score is too good to be true."""

from collections.abc import Iterator

import numpy as np

from numerai_pipeline.core import columns
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.suspect import Suspect, result_of
from numerai_pipeline.evaluation.out_of_sample import corr_of
from numerai_pipeline.evaluation.references import References
from numerai_pipeline.scoring import Scores, corr_per_era, mean_interval

# Without a benchmark to compare with. Numerai's own benchmark models reach a CORR of
# 0.02 to 0.04 on real data, with a Sharpe ratio per era of 1 to 2.
_MOST_CORR, _MOST_SHARPE = 0.1, 3.0

# Times the best benchmark on the same eras: good models are better by tenths of it.
_MOST_TIMES = 1.5


def check_plausibility(suspect: Suspect) -> CheckResult:
    """Warn where the score is far above what Numerai's own models reach."""
    scores = corr_of(suspect.out_of_sample, suspect.target)
    own = scores.summary()
    found = f"mean CORR {own.mean:.4f}, Sharpe {own.sharpe:.2f}"
    best = _best_benchmark(suspect)
    untested = []
    if best is None:
        untested.append("the score beside benchmarks: `nai download --benchmarks`")
        findings = list(_above_all_known(suspect, own.mean, own.sharpe))
    else:
        name, theirs = best
        found += f"; {name} {theirs.summary().mean:.4f}"
        findings = list(_above_benchmark(suspect, scores, name, theirs))
    return result_of("too good", found, findings, untested, is_warning=True)


def _above_all_known(suspect: Suspect, corr: float, sharpe: float) -> Iterator[Finding]:
    for name, value, most in (
        ("mean CORR", corr, _MOST_CORR),
        ("Sharpe ratio per era", sharpe, _MOST_SHARPE),
    ):
        if value > most:
            yield Finding(
                f"a {name} of {value:.3f} is above {most}, more than any of Numerai's "
                "own models reach on real data. Find the leak before you stake on it.",
                file=str(suspect.run.folder),
                column=suspect.target,
                era=suspect.predicted_eras[0],
                value=value,
            )


def _above_benchmark(
    suspect: Suspect, scores: Scores, name: str, theirs: Scores
) -> Iterator[Finding]:
    eras, at, there = np.intersect1d(scores.eras, theirs.eras, return_indices=True)
    own, other = scores.values[at], theirs.values[there]
    horizon = columns.horizon_eras(suspect.target)
    difference = mean_interval(own - other, horizon=horizon)
    times = float(np.nanmean(own) / np.nanmean(other))
    # Neither a benchmark without skill nor the luck of a few eras is a leak.
    is_more = np.nanmean(other) > 0 and times > _MOST_TIMES
    if is_more and not difference.low <= 0:
        yield Finding(
            f"mean CORR {np.nanmean(own):.4f} is {times:.1f} times that of {name} on "
            f"the same {len(eras)} eras. Find the leak before you stake on it.",
            file=str(suspect.run.folder),
            column=suspect.target,
            era=int(eras[0]),
            value=times,
        )


def _best_benchmark(suspect: Suspect) -> tuple[str, Scores] | None:
    """Return the benchmark model with the highest mean CORR on the same eras."""
    found = suspect.out_of_sample
    targets = found.targets[suspect.target]
    best: tuple[str, Scores] | None = None
    references = References(found.ids, None, suspect.benchmarks)
    for name in references.names("benchmark"):
        benchmark = references.read("benchmark", name)
        scored = benchmark.covers(found.eras, ~np.isnan(targets))
        if not scored.any():
            continue
        scores = corr_per_era(
            benchmark.values[scored], targets[scored], found.eras[scored]
        )
        if best is None or scores.summary().mean > best[1].summary().mean:
            best = (name, scores)
    return best
