"""FNC, feature exposure and neutralization, one factorization of features per era."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Progress
from numerai_pipeline.data import RowIds, ShardReader
from numerai_pipeline.evaluation.neutralizing import whole_eras
from numerai_pipeline.evaluation.rows import FeatureScores, ScoreRow, SweepPoint
from numerai_pipeline.evaluation.scores import FeatureSubject
from numerai_pipeline.scoring import (
    EraFeatures,
    Projection,
    Scores,
    contribution_per_era,
    corr_of_era,
    fnc_of_era,
    gaussian_ranks,
)

Codes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]

PROPORTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def score_features(
    subjects: Sequence[FeatureSubject],
    shards: ShardReader,
    feature_set: str,
    features: Sequence[str],
    progress: Progress,
) -> list[tuple[list[ScoreRow], FeatureScores]]:
    """Return FNC and exposure of each subject, and how its model follows features.

    One era's features are in memory at a time. All models with the same rows are
    measured together.

    Args:
        subjects: what to measure.
        shards: hold the rows of all subjects.
        feature_set: name of the set.
        features: its features.
        progress: where to report.
    """
    measured = [_Measured(subject) for subject in subjects]
    eras = sorted({era for one in measured for era in one.rows_of_era})
    title = f"FNC and exposure to {len(features):,} features"
    with progress.task(title, len(eras), "eras") as advance:
        blocks = shards.blocks(None, eras=eras, features=features, targets=())
        for era, ids, x in whole_eras(blocks):
            for group in _groups(measured, era, RowIds(ids)):
                group.measure(era, x)
            advance(1)
    return [one.result(feature_set, features) for one in measured]


class _Measured:
    """What is measured of one subject, era by era.

    Attributes:
        subject: the subject.
        rows_of_era: its rows of each era that can be scored.
        scores: a model's name -> era, FNC and exposure of each era.
        exposures: ``(F,)`` of its own model in each era.
        sweep: ``(3, len(PROPORTIONS))`` of its own model in each era: CORR, largest
            exposure and MMC.
    """

    def __init__(self, subject: FeatureSubject) -> None:
        self.subject = subject
        self.rows_of_era = {
            era: rows
            for era, rows in subject.found.by_era()
            if subject.has_target[rows].any()
        }
        self.scores: dict[str, list[tuple[int, float, float]]] = {
            name: [] for name in subject.names
        }
        self.exposures: list[Values] = []
        self.sweep: list[Values] = []

    def result(
        self, feature_set: str, features: Sequence[str]
    ) -> tuple[list[ScoreRow], FeatureScores]:
        """Return the scores of all its models, and more of its own one."""
        rows = []
        for name, scores in self.scores.items():
            if not scores:
                continue
            eras, *values = map(np.array, zip(*scores, strict=True))
            for metric, each in zip(("FNC", "exposure"), values, strict=True):
                found = Scores(eras, each)
                horizon = self.subject.horizon
                rows.append(ScoreRow(name, metric, found, horizon, feature_set))
        mean = _mean(np.array(self.exposures)).tolist()
        return rows, FeatureScores(
            feature_set=feature_set,
            exposures=dict(zip(features, mean, strict=True)),
            sweep=tuple(self._points(rows[0].scores.eras)),
        )

    def _points(self, eras: npt.NDArray[np.integer[Any]]) -> Iterator[SweepPoint]:
        corrs, largest, mmcs = np.array(self.sweep).transpose(1, 2, 0)
        exposures = _mean(largest.T).tolist()
        for place, part in enumerate(PROPORTIONS):
            corr, mmc = Scores(eras, corrs[place]), Scores(eras, mmcs[place])
            has_mmc = not np.isnan(mmc.values).all()
            yield SweepPoint(
                proportion=part,
                corr=corr,
                exposure=exposures[place],
                mmc=mmc if has_mmc else None,
                payout=self.subject.payout(corr, mmc) if has_mmc else None,
            )


@dataclass(frozen=True, eq=False)
class _Swept:
    """A subject's own model in an era.

    Attributes:
        measured: takes the scores.
        raw: ``(n,)``, what the model gives, before its ``[prediction]``.
        meta_model: ``(n,)``, NaN where it cannot be compared with.
    """

    measured: _Measured
    raw: Values
    meta_model: Values


class _Group:
    """Models with the same rows of an era.

    Attributes:
        places: ``(n,)``, where these rows are in the era, ascending.
        targets: ``(n,)``.
        columns: ``(n,)`` predictions of each model.
        users: for each of them, what measures it, and the model's name there.
        swept: the subjects' own models, whose neutralization is measured.
    """

    def __init__(
        self, places: npt.NDArray[np.intp], targets: npt.NDArray[np.float32]
    ) -> None:
        self.places = places
        self.targets = targets
        self.columns: list[Values] = []
        self.users: list[list[tuple[_Measured, str]]] = []
        self.swept: list[_Swept] = []

    def add(self, column: Values, user: "tuple[_Measured, str]") -> None:
        """Add a model; one that several subjects have is measured once."""
        for known, users in zip(self.columns, self.users, strict=True):
            if users[0][1] == user[1] and np.array_equal(known, column):
                users.append(user)
                return
        self.columns.append(column)
        self.users.append([user])

    def measure(self, era: int, x: Codes) -> None:
        """Measure all models, and hand each its scores.

        Args:
            era: its number.
            x: ``(rows, F)`` uint8, features of all rows of the era.
        """
        features = EraFeatures(x[self.places])
        projection = features.projection()
        values = np.column_stack(self.columns)
        exposures = features.exposures(values)
        fnc = fnc_of_era(values, self.targets, projection)
        for place, users in enumerate(self.users):
            score = (era, float(fnc[place]), _largest(exposures[:, place]))
            for measured, name in users:
                measured.scores[name].append(score)
                if name == measured.subject.names[0]:
                    measured.exposures.append(exposures[:, place])
        if self.swept:
            self._sweep(features, projection)

    def _sweep(self, features: EraFeatures, projection: Projection) -> None:
        """Measure the subjects' own models at each proportion."""
        ranks = np.column_stack([gaussian_ranks(one.raw) for one in self.swept])
        largest = [_largest(column) for column in features.exposures(ranks).T]
        parts = PROPORTIONS if projection.is_defined else PROPORTIONS[:1]
        explained = projection.explained(ranks) if len(parts) > 1 else ranks
        for one, rank, taken, exposure in zip(
            self.swept, ranks.T, explained.T, largest, strict=True
        ):
            scores = np.full((3, len(PROPORTIONS)), np.nan)
            for place, part in enumerate(parts):
                left = rank - part * taken
                # The features' products with what is explained are those with all.
                share = (1 - part) * rank.std() / left.std() if left.std() else np.nan
                scores[:, place] = (
                    corr_of_era(left, self.targets),
                    exposure * share,
                    _mmc(left, one.meta_model, self.targets),
                )
            one.measured.sweep.append(scores)


def _groups(measured: Sequence[_Measured], era: int, rows: RowIds) -> Iterable[_Group]:
    """Return the models of an era by their target and rows."""
    found: dict[tuple[str, bytes], _Group] = {}
    for one in measured:
        if era not in one.rows_of_era:
            continue
        own, subject = one.rows_of_era[era], one.subject
        places = rows.places(subject.found.ids[own])
        targets = subject.found.targets[subject.target][own]
        for name, column in zip(subject.names, subject.values[own].T, strict=True):
            kept = np.flatnonzero(subject.has_target[own] & ~np.isnan(column))
            if len(kept) < 2:
                continue
            # In the order of the shards, so that equal rows are found to be equal.
            kept = kept[np.argsort(places[kept])]
            key = (subject.target, places[kept].tobytes())
            group = found.setdefault(key, _Group(places[kept], targets[kept]))
            group.add(column[kept], (one, name))
            if name == subject.names[0]:
                raw = subject.found.from_model[own][kept].astype(np.float64)
                group.swept.append(_Swept(one, raw, subject.meta_model[own][kept]))
    return found.values()


def _mmc(column: Values, meta_model: Values, targets: npt.NDArray[np.float32]) -> float:
    """Return the MMC of an era; NaN where there is no meta model."""
    if np.isnan(meta_model).all():
        return np.nan
    era = np.zeros(len(column), np.int16)
    return float(contribution_per_era(column, meta_model, targets, era).values[0])


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
