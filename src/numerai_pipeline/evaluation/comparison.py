"""Several models on the same eras, in pairs: which is better, and is that clear?"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, columns
from numerai_pipeline.data import read_columns
from numerai_pipeline.evaluation.references import ModelFile
from numerai_pipeline.evaluation.result import Evaluation
from numerai_pipeline.evaluation.rows import ScoreRow
from numerai_pipeline.scoring import (
    Difference,
    Scores,
    difference,
    holm,
    similarity_per_era,
)

# What the tournament pays for, and what is left without the features' linear part.
_METRICS = ("CORR", "MMC", "FNC", "payout")

_COLUMNS = (columns.ID, columns.ERA, columns.PREDICTION)

# Below this adjusted p-value a difference is called clear.
_LEVEL = 0.05


@dataclass(frozen=True)
class Pair:
    """Two models by one score.

    Attributes:
        metric: such as ``CORR``.
        first: a model.
        second: another one, or the benchmark.
        difference: first minus second per common era.
        p_value: Holm's, adjusted for all pairs; NaN where there are too few eras.
        verdict: about the first.
    """

    metric: str
    first: str
    second: str
    difference: Difference
    p_value: float

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``not distinguishable`` or ``too few eras``."""
        if math.isnan(self.p_value):
            return "too few eras"
        if self.p_value >= _LEVEL:
            return "not distinguishable"
        return "better" if self.difference.mean > 0 else "worse"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models in pairs, and how alike their predictions are.

    Attributes:
        names: the models, then the benchmark.
        pairs: by metric, then in the order of the names.
        correlations: ``(n, n)`` float64 for the models and the benchmark: correlation
            of the ranked and gaussianized predictions, mean of the common eras.
    """

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]
    correlations: npt.NDArray[np.float64]


def compare(evaluations: Mapping[str, Evaluation]) -> Comparison:
    """Compare models with each other and with the main benchmark.

    Args:
        evaluations: by name, at least one; all measured by the same target.

    Raises:
        DataError: if they are measured by different targets, have no era in common,
            or there is nothing to compare with.
    """
    targets = {one.target for one in evaluations.values()}
    if len(targets) > 1:
        raise DataError(
            f"these models are scored by different targets: {', '.join(targets)}. "
            "Pack `target` into the shards of all of them: `nai etl`."
        )
    benchmark = next((one.benchmark for one in evaluations.values()), "")
    names = (*evaluations, *([benchmark] if benchmark else []))
    if len(names) < 2:
        raise DataError(
            "there is nothing to compare with. Name two models, or run "
            "`nai download --benchmarks`."
        )
    pairs = [
        pair for metric in _METRICS for pair in _pairs(evaluations, benchmark, metric)
    ]
    if not any(pair.difference.n_eras for pair in pairs):
        raise DataError(
            f"{', '.join(names)} have no era in common. Score them on the same eras, "
            "such as those of a backtest."
        )
    return Comparison(names, tuple(pairs), _correlations(evaluations, benchmark))


def _pairs(
    evaluations: Mapping[str, Evaluation], benchmark: str, metric: str
) -> list[Pair]:
    """Return all pairs by one metric, with p-values adjusted for their number."""
    several = list(evaluations.values())
    rows = {name: one.row(metric) for name, one in evaluations.items()}
    if benchmark:
        of_benchmark = [one.row(metric, benchmark) for one in several]
        rows[benchmark] = max(of_benchmark, key=_n_eras)
    scores = {name: row.scores for name, row in rows.items() if row is not None}
    horizon = several[0].rows[0].horizon
    return pairs_by(metric, scores, combinations(scores, 2), horizon)


def pairs_by(
    metric: str,
    scores: Mapping[str, Scores],
    of: Iterable[tuple[str, str]],
    horizon: int,
) -> list[Pair]:
    """Compare models in pairs by one metric.

    Args:
        metric: its name.
        scores: of each model.
        of: the pairs; p-values are adjusted for their number.
        horizon: era numbers that the target looks ahead.
    """
    found = [
        (first, second, difference(scores[first], scores[second], horizon=horizon))
        for first, second in of
    ]
    adjusted = holm(np.array([each.p_value for _, _, each in found]))
    return [
        Pair(metric, first, second, each, float(p_value))
        for (first, second, each), p_value in zip(found, adjusted, strict=True)
    ]


def _n_eras(row: ScoreRow | None) -> int:
    return 0 if row is None else len(row.scores.eras)


def _correlations(
    evaluations: Mapping[str, Evaluation], benchmark: str
) -> npt.NDArray[np.float64]:
    """Return how alike the predictions are, models first, then the benchmark."""
    several = list(evaluations.values())
    n_models = len(several)
    found = np.eye(n_models + bool(benchmark))
    for first, second in combinations(range(n_models), 2):
        alike = _similarity(several[first], several[second])
        found[first, second] = found[second, first] = alike
    if benchmark:
        for place, evaluation in enumerate(several):
            row = evaluation.row("similarity", of=benchmark)
            alike = row.summary.mean if row is not None else math.nan
            found[place, -1] = found[-1, place] = alike
    return found


def _similarity(one: Evaluation, other: Evaluation) -> float:
    """Return how alike two models predict their common rows; NaN without any."""
    table = read_columns(one.predictions, _COLUMNS, "nai score --force")
    ids = np.array(table[columns.ID].cast("binary").to_pylist(), "S16")
    eras = table[columns.ERA].cast("string").cast("int16").to_numpy()
    values = table[columns.PREDICTION].to_numpy()
    others = ModelFile(ids, other.predictions).read(columns.PREDICTION)
    n_common = np.bincount(eras, weights=~np.isnan(others))
    both = ~np.isnan(others) & (n_common[eras] >= 2)
    if not both.any():
        return math.nan
    scores = similarity_per_era(values[both], others[both], eras[both])
    return float(np.nanmean(scores.values))
