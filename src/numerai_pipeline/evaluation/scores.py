"""Scores of predictions beside the meta model and the benchmarks, era by era."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    ConfigError,
    EvaluationSettings,
    columns,
    did_you_mean,
)
from numerai_pipeline.evaluation.out_of_sample import OutOfSample, rows_with_target
from numerai_pipeline.evaluation.references import Kind, References
from numerai_pipeline.evaluation.rows import Coverage, ScoreRow
from numerai_pipeline.scoring import (
    Scores,
    contribution_per_era,
    corr_per_era,
    cwmm_per_era,
    payout_per_era,
    similarity_per_era,
)

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

# The benchmark that Numerai's own agents are compared with.
_USUAL_BENCHMARK = "v53_lgbm_ender20"


@dataclass(frozen=True, eq=False)
class FeatureSubject:
    """What FNC and exposure are measured of.

    Attributes:
        found: the rows.
        target: what is scored by.
        has_target: ``(rows,)``: rows that can be scored.
        horizon: eras that the target looks ahead.
        names: of the models, the own one first.
        values: ``(rows, len(names))`` float64, NaN where one has no prediction.
        meta_model: ``(rows,)`` float64, NaN where it cannot be compared with.
        payout: CORR and MMC -> the payout of each era.
    """

    found: OutOfSample
    target: str
    has_target: Mask
    horizon: int
    names: tuple[str, ...]
    values: Values
    meta_model: Values
    payout: Callable[[Scores, Scores], Scores]


def payout_of(corr: Scores, mmc: Scores, settings: EvaluationSettings) -> Scores:
    """Return what the settings pay for CORR and MMC, by era."""
    return payout_per_era(
        corr,
        mmc,
        corr_multiplier=settings.payout_corr,
        mmc_multiplier=settings.payout_mmc,
        factor=settings.payout_factor,
        clip=settings.payout_clip,
    )


class Scorer:
    """Scores the rows of a model, beside its references.

    Args:
        model: the model's name.
        found: its out-of-sample predictions.
        target: what the scores are measured by.
        references: meta model and benchmarks, of the same rows.
        settings: which benchmark is the main one, and what a payout is.
    """

    def __init__(
        self,
        model: str,
        found: OutOfSample,
        target: str,
        references: References,
        settings: EvaluationSettings,
    ) -> None:
        self.model = model
        self.found = found
        self.target = target
        self.horizon = columns.horizon_eras(target)
        self.has_target = rows_with_target(found, target)
        self.coverage: list[Coverage] = []
        self._references = references
        self._settings = settings
        self._meta_model = self._cover("meta model", references.names("meta model"))
        benchmarks = _main_first(references.names("benchmark"), settings.benchmark)
        self._benchmark = self._cover("benchmark", benchmarks[:1])
        self._other_benchmarks = benchmarks[1:]
        self.benchmark = benchmarks[0] if benchmarks else ""

    def rows(self, learned: str) -> Iterator[ScoreRow]:
        """Yield the scores that need no features, the model's own CORR first.

        Args:
            learned: the target that the model learned.
        """
        corr = self._corr(self.target, self.has_target)
        yield self._row(self.model, "CORR", corr)
        if learned != self.target:
            is_there = rows_with_target(self.found, learned)
            if is_there.any():
                scores = self._corr(learned, is_there)
                horizon = columns.horizon_eras(learned)
                yield ScoreRow(self.model, "CORR", scores, horizon, learned)
        own = np.ones(len(self.has_target), bool)
        yield from self._beside_meta_model(
            self.model, self.found.predictions, own, corr
        )
        if self._meta_model is not None:
            yield from self._reference_corr(self._meta_model)
        if self._benchmark is not None:
            yield from self._beside_benchmark(self._benchmark)
        for name in self._other_benchmarks:
            found = self._cover("benchmark", (name,))
            if found is not None:
                yield from self._beside_benchmark(found)

    def for_features(self) -> FeatureSubject:
        """Return what FNC and exposure are measured of, without the other references.

        The model first, then the main benchmark and the meta model.
        """
        own = self.found.predictions.astype(np.float64)
        others = [one for one in (self._benchmark, self._meta_model) if one is not None]
        values = [np.where(one.covered, one.values, np.nan) for one in others]
        return FeatureSubject(
            found=self.found,
            target=self.target,
            has_target=self.has_target,
            horizon=self.horizon,
            names=(self.model, *(one.name for one in others)),
            values=np.column_stack([own, *values]),
            meta_model=np.full(len(own), np.nan)
            if self._meta_model is None
            else np.where(self._meta_model.covered, self._meta_model.values, np.nan),
            payout=self._payout,
        )

    def _cover(self, kind: Kind, names: Sequence[str]) -> "_Covered | None":
        """Return the first of the references, and record how much it covers.

        Returns:
            None if there is none, or none of its eras can be compared.
        """
        if not names:
            return None
        reference = self._references.read(kind, names[0])
        covered = reference.covers(self.found.eras, self.has_target)
        eras = np.unique(self.found.eras[covered])
        share = float(covered.sum() / max(1, self.has_target.sum()))
        self.coverage.append(Coverage(names[0], kind, len(eras), share))
        if not len(eras):
            return None
        same = self.has_target & np.isin(self.found.eras, eras)
        return _Covered(names[0], reference.values, covered, same)

    def _beside_benchmark(self, benchmark: "_Covered") -> Iterator[ScoreRow]:
        """Yield the benchmark's scores, and the model's beside it."""
        [row] = self._reference_corr(benchmark)
        yield row
        name, same = benchmark.name, benchmark.same
        predictions, values = self.found.predictions[same], benchmark.values[same]
        targets, eras = self.found.targets[self.target][same], self.found.eras[same]
        scores = contribution_per_era(predictions, values, targets, eras)
        yield self._row(self.model, "BMC", scores, name)
        both = ~np.isnan(values)
        scores = similarity_per_era(predictions[both], values[both], eras[both])
        yield self._row(self.model, "similarity", scores, name)
        if benchmark is self._benchmark:
            yield from self._beside_meta_model(
                name, benchmark.values, benchmark.covered, row.scores
            )

    def _beside_meta_model(
        self,
        who: str,
        values: npt.NDArray[np.floating[Any]],
        covered: Mask,
        corr: Scores,
    ) -> Iterator[ScoreRow]:
        """Yield MMC, CWMM and payout of the model or of a benchmark."""
        if self._meta_model is None:
            return
        rows = self._meta_model.same & covered
        if not rows.any():
            return
        eras, predictions = self.found.eras[rows], values[rows]
        known = self._meta_model.values[rows]
        targets = self.found.targets[self.target][rows]
        mmc = contribution_per_era(predictions, known, targets, eras)
        yield self._row(who, "MMC", mmc)
        both = ~np.isnan(known)
        cwmm = cwmm_per_era(predictions[both], known[both], eras[both])
        yield self._row(who, "CWMM", cwmm)
        yield self._row(who, "payout", self._payout(corr, mmc))

    def _payout(self, corr: Scores, mmc: Scores) -> Scores:
        return payout_of(corr, mmc, self._settings)

    def _reference_corr(self, reference: "_Covered") -> Iterator[ScoreRow]:
        rows = reference.same
        scores = corr_per_era(
            reference.values[rows],
            self.found.targets[self.target][rows],
            self.found.eras[rows],
            allow_missing=True,
        )
        yield self._row(reference.name, "CORR", scores)

    def _corr(self, target: str, rows: Mask) -> Scores:
        return corr_per_era(
            self.found.predictions[rows],
            self.found.targets[target][rows],
            self.found.eras[rows],
        )

    def _row(self, who: str, metric: str, scores: Scores, of: str = "") -> ScoreRow:
        return ScoreRow(who, metric, scores, self.horizon, of)


@dataclass(frozen=True, eq=False)
class _Covered:
    """A reference, and the rows that it can be compared on.

    Attributes:
        name: its column.
        values: ``(rows,)`` float64, NaN where it has none.
        covered: ``(rows,)``: those with a value and a target, in eras that it covers.
        same: ``(rows,)``: all with a target in these eras, since targets without a
            value count for their mean.
    """

    name: str
    values: Values
    covered: Mask
    same: Mask


def _main_first(names: Sequence[str], wanted: str) -> list[str]:
    """Return the benchmarks, the one to compare with first.

    Raises:
        ConfigError: if there are some, but not the wanted one.

    >>> _main_first(["a", "v53_lgbm_ender20", "b"], "b")
    ['b', 'a', 'v53_lgbm_ender20']
    >>> _main_first(["a", "v53_lgbm_ender20", "b"], "")
    ['v53_lgbm_ender20', 'a', 'b']
    """
    if wanted and names and wanted not in names:
        raise ConfigError(
            f"[evaluation] benchmark in numerai.toml is '{wanted}', which no benchmark "
            f"file has. {did_you_mean(wanted, names)}"
        )
    main = next((one for one in (wanted, _USUAL_BENCHMARK) if one in names), "")
    return sorted(names, key=lambda name: name != main)
