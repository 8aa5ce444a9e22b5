"""Scores of predictions beside the meta model and the benchmarks, era by era."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    ConfigError,
    EvaluationSettings,
    columns,
    did_you_mean,
)
from numerai_pipeline.evaluation.out_of_sample import OutOfSample
from numerai_pipeline.evaluation.references import Reference
from numerai_pipeline.evaluation.result import Coverage, ScoreRow
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
    """

    found: OutOfSample
    target: str
    has_target: Mask
    horizon: int
    names: tuple[str, ...]
    values: Values


class Compared:
    """The rows of a model that can be scored, beside its references.

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
        references: Sequence[Reference],
        settings: EvaluationSettings,
    ) -> None:
        self.model = model
        self.found = found
        self.target = target
        self.references = references
        self.horizon = columns.horizon_eras(target)
        self.has_target = rows_with_target(found, target)
        self._settings = settings
        self.meta_model = _first(references, "meta model")
        self.benchmark = _first(references, "benchmark", settings.benchmark)

    def coverage(self) -> tuple[Coverage, ...]:
        """Return how much of the scored rows each reference covers."""
        return tuple(self._coverage(reference) for reference in self.references)

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
        yield from self._beside_meta_model(self.model, self.found.predictions, corr)
        if self.meta_model is not None:
            yield from self._reference_corr(self.meta_model)
        others = (one for one in self.references if one.kind == "benchmark")
        for reference in sorted(others, key=lambda one: one is not self.benchmark):
            yield from self._beside_benchmark(reference)

    def for_features(self) -> FeatureSubject:
        """Return what FNC and exposure are measured of, without the other references.

        The model first, then the main benchmark and the meta model.
        """
        found = [(self.model, self.found.predictions.astype(np.float64))]
        for reference in (self.benchmark, self.meta_model):
            if reference is not None:
                covered = reference.covers(self.found.eras, self.has_target)
                if covered.any():
                    values = np.where(covered, reference.values, np.nan)
                    found.append((reference.name, values))
        return FeatureSubject(
            found=self.found,
            target=self.target,
            has_target=self.has_target,
            horizon=self.horizon,
            names=tuple(name for name, _ in found),
            values=np.column_stack([values for _, values in found]),
        )

    def _beside_benchmark(self, reference: Reference) -> Iterator[ScoreRow]:
        same = self._same(reference)
        if not same.any():
            return
        name = reference.name
        [row] = self._reference_corr(reference)
        yield row
        predictions, values = self.found.predictions[same], reference.values[same]
        targets, eras = self.found.targets[self.target][same], self.found.eras[same]
        scores = contribution_per_era(predictions, values, targets, eras)
        yield self._row(self.model, "BMC", scores, name)
        both = ~np.isnan(values)
        scores = similarity_per_era(predictions[both], values[both], eras[both])
        yield self._row(self.model, "similarity", scores, name)
        if reference is self.benchmark:
            yield from self._beside_meta_model(name, reference.values, row.scores)

    def _beside_meta_model(
        self, who: str, values: npt.NDArray[np.floating], corr: Scores
    ) -> Iterator[ScoreRow]:
        """Yield MMC, CWMM and payout of the model or of a benchmark."""
        if self.meta_model is None:
            return
        same = self._same(self.meta_model) & ~np.isnan(values)
        if who != self.model and self.benchmark is not None:
            same &= self._same(self.benchmark)
        if not same.any():
            return
        eras, predictions = self.found.eras[same], values[same]
        known = self.meta_model.values[same]
        targets = self.found.targets[self.target][same]
        mmc = contribution_per_era(predictions, known, targets, eras)
        yield self._row(who, "MMC", mmc)
        both = ~np.isnan(known)
        cwmm = cwmm_per_era(predictions[both], known[both], eras[both])
        yield self._row(who, "CWMM", cwmm)
        payout = payout_per_era(
            corr,
            mmc,
            corr_multiplier=self._settings.payout_corr,
            mmc_multiplier=self._settings.payout_mmc,
            factor=self._settings.payout_factor,
            clip=self._settings.payout_clip,
        )
        yield self._row(who, "payout", payout)

    def _reference_corr(self, reference: Reference) -> Iterator[ScoreRow]:
        same = self._same(reference)
        if same.any():
            scores = corr_per_era(
                reference.values[same],
                self.found.targets[self.target][same],
                self.found.eras[same],
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

    def _same(self, reference: Reference) -> Mask:
        """Return the rows with a target in the eras that a reference covers.

        All rows of these eras: targets without a reference count for their mean.
        """
        covered = reference.covers(self.found.eras, self.has_target)
        same: Mask = self.has_target & np.isin(
            self.found.eras, np.unique(self.found.eras[covered])
        )
        return same

    def _coverage(self, reference: Reference) -> Coverage:
        covered = reference.covers(self.found.eras, self.has_target)
        return Coverage(
            name=reference.name,
            kind=reference.kind,
            n_eras=len(np.unique(self.found.eras[covered])),
            share_of_rows=float(covered.sum() / self.has_target.sum()),
        )


def rows_with_target(found: OutOfSample, target: str) -> Mask:
    """Return which rows have the target, in eras where at least two do."""
    has_target = ~np.isnan(found.targets[target])
    n_rows = np.bincount(found.eras, weights=has_target)
    return has_target & (n_rows[found.eras] >= 2)


def _first(
    references: Sequence[Reference], kind: str, name: str = ""
) -> Reference | None:
    """Return the reference to compare with: the named, the usual, or the first one.

    Raises:
        ConfigError: if there are some, but not the named one.
    """
    found = [one for one in references if one.kind == kind]
    known = [one.name for one in found]
    if name and known and name not in known:
        raise ConfigError(
            f"[evaluation] benchmark in numerai.toml is '{name}', which no benchmark "
            f"file has. {did_you_mean(name, known)}"
        )
    wanted = (name, _USUAL_BENCHMARK)
    chosen = [one for want in wanted for one in found if one.name == want]
    return next(iter([*chosen, *found]), None)
