"""FNC, feature exposure and neutralization, one factorization of features per era."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Progress, columns
from numerai_pipeline.data import ShardReader
from numerai_pipeline.evaluation.out_of_sample import Ids, Rows
from numerai_pipeline.evaluation.result import FeatureScores, ScoreRow, SweepPoint
from numerai_pipeline.evaluation.scores import FeatureSubject
from numerai_pipeline.scoring import (
    EraFeatures,
    Projection,
    Scores,
    corr_of_era,
    fnc_of_era,
    gaussian_ranks,
)

Codes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]

PROPORTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)

# Numerai's releases write this bin for a missing value.
_MIDDLE_BIN = 2


def score_features(
    subjects: Sequence[FeatureSubject],
    shards: ShardReader,
    feature_set: str,
    features: Sequence[str],
    progress: Progress,
) -> list[tuple[list[ScoreRow], FeatureScores]]:
    """Return FNC and exposure of each subject, and how its model follows features.

    One era's features are in memory at a time. What is computed from them is shared
    by all models that have the same rows.

    Args:
        subjects: what to measure.
        shards: hold the rows of all subjects.
        feature_set: name of the set.
        features: its features.
        progress: where to report.
    """
    measured = [_Measured(subject, features) for subject in subjects]
    eras = sorted({era for one in measured for era in one.rows_of_era})
    title = f"FNC and exposure to {len(features):,} features"
    with progress.task(title, len(eras), "eras") as advance:
        for era, ids, x in _whole_eras(shards, eras, features):
            rows = Rows(ids)
            shared: dict[bytes, EraFeatures] = {}
            for one in measured:
                one.add(era, rows, x, shared)
            advance(1)
    return [(one.rows(feature_set), one.features(feature_set)) for one in measured]


class _Measured:
    """What is measured of one subject, era by era."""

    def __init__(self, subject: FeatureSubject, features: Sequence[str]) -> None:
        self._subject = subject
        self._features = features
        self.rows_of_era = {
            era: rows
            for era, rows in subject.found.by_era()
            if subject.has_target[rows].any()
        }
        self._scores: dict[str, list[tuple[int, float, float]]] = {
            name: [] for name in subject.names
        }
        self._exposures: list[Values] = []
        self._sweep: list[tuple[list[float], list[float]]] = []

    def add(
        self, era: int, rows: Rows, x: Codes, shared: dict[bytes, EraFeatures]
    ) -> None:
        """Measure an era.

        Args:
            era: its number.
            rows: the ids of its rows.
            x: ``(rows, F)`` uint8, their features.
            shared: what other subjects have computed of the same rows.
        """
        if era not in self.rows_of_era:
            return
        own = self.rows_of_era[era]
        places = rows.places(self._subject.found.ids[own])
        values = self._subject.values[own]
        targets = self._subject.found.targets[self._subject.target][own]
        is_scored = self._subject.has_target[own][:, None] & ~np.isnan(values)
        # Models with the same rows are measured together.
        masks: dict[bytes, list[int]] = {}
        for column in range(values.shape[1]):
            masks.setdefault(is_scored[:, column].tobytes(), []).append(column)
        for together in masks.values():
            kept = np.flatnonzero(is_scored[:, together[0]])
            if len(kept) < 2:
                continue
            # In the order of the shards, so that equal rows are found to be equal.
            kept = kept[np.argsort(places[kept])]
            key = places[kept].tobytes()
            if key not in shared:
                shared[key] = EraFeatures(x[places[kept]])
            self._measure(
                era,
                together,
                values[np.ix_(kept, np.array(together))],
                targets[kept],
                shared[key],
            )

    def _measure(
        self,
        era: int,
        which: list[int],
        values: Values,
        targets: npt.NDArray[np.float32],
        features: EraFeatures,
    ) -> None:
        exposures = features.exposures(values)
        projection = features.projection()
        fnc = fnc_of_era(values, targets, projection)
        for place, column in enumerate(which):
            score = (era, float(fnc[place]), _largest(exposures[:, place]))
            self._scores[self._subject.names[column]].append(score)
        if which[0] == 0:
            self._exposures.append(exposures[:, 0])
            self._sweep.append(_sweep(values[:, 0], targets, features, projection))

    def rows(self, feature_set: str) -> list[ScoreRow]:
        """Return FNC and exposure of each model."""
        found = []
        for name, scores in self._scores.items():
            if scores:
                eras, fnc, exposure = map(np.array, zip(*scores, strict=True))
                for metric, each in (("FNC", fnc), ("exposure", exposure)):
                    found.append(
                        ScoreRow(
                            name,
                            metric,
                            Scores(eras, each),
                            self._subject.horizon,
                            feature_set,
                        )
                    )
        return found

    def features(self, feature_set: str) -> FeatureScores:
        """Return exposures and sweep of the subject's own model."""
        eras = np.array([era for era, _, _ in self._scores[self._subject.names[0]]])
        mean = _mean(np.array(self._exposures))
        corrs = np.array([corr for corr, _ in self._sweep])
        largest = _mean(np.array([exposure for _, exposure in self._sweep]))
        return FeatureScores(
            feature_set=feature_set,
            exposures=dict(zip(self._features, mean.tolist(), strict=True)),
            sweep=tuple(
                SweepPoint(
                    proportion, Scores(eras, corrs[:, place]), float(largest[place])
                )
                for place, proportion in enumerate(PROPORTIONS)
            ),
        )


def _sweep(
    predictions: Values,
    targets: npt.NDArray[np.float32],
    features: EraFeatures,
    projection: Projection,
) -> tuple[list[float], list[float]]:
    """Return CORR and the largest exposure of an era at each proportion."""
    ranks = gaussian_ranks(predictions)
    parts = PROPORTIONS if projection.is_defined else PROPORTIONS[:1]
    explained = projection.explained(ranks) if projection.is_defined else ranks
    taken = np.column_stack([ranks - part * explained for part in parts])
    unknown = [np.nan] * (len(PROPORTIONS) - len(parts))
    corrs = [corr_of_era(column, targets) for column in taken.T]
    exposures = [_largest(column) for column in features.exposures(taken).T]
    return corrs + unknown, exposures + unknown


def _whole_eras(
    shards: ShardReader, eras: Sequence[int], features: Sequence[str]
) -> Iterator[tuple[int, Ids, Codes]]:
    blocks = shards.blocks(None, eras=eras, features=features, targets=())
    for era, group in groupby(blocks, key=lambda block: int(block.eras[0])):
        parts = list(group)
        x = np.concatenate([block.x for block in parts])
        x[x == columns.MISSING_CODE] = _MIDDLE_BIN
        yield era, np.concatenate([block.ids for block in parts]), x


def _largest(exposures: npt.NDArray[Any]) -> float:
    """Return the largest absolute value; NaN where every one is NaN."""
    known = np.abs(exposures[~np.isnan(exposures)])
    return float(known.max()) if len(known) else np.nan


def _mean(values: Values) -> Values:
    """Return the mean of each column over the rows in which it is known."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean: Values = total / known.sum(axis=0)
    return mean
