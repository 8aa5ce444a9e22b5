"""One score of one model per era, and what else is measured of a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.scoring import Scores, Summary


@dataclass(frozen=True, eq=False)
class ScoreRow:
    """One score of one model, per era.

    Attributes:
        who: the model's name, or the column of the meta model or benchmark.
        metric: ``CORR``, ``MMC``, ``BMC``, ``FNC``, ``exposure`` (the largest of any
            feature), ``CWMM``, ``payout`` (share of the stake) or ``similarity`` (to a
            benchmark's predictions).
        scores: the score of each era.
        horizon: eras that the target looks ahead, which share returns.
        of: the benchmark of BMC and similarity, the feature set of FNC and exposure,
            the target of a CORR that is not measured by the evaluation's own; else
            empty.
    """

    who: str
    metric: str
    scores: Scores
    horizon: int
    of: str = ""

    @property
    def label(self) -> str:
        """The metric and what it is of, such as ``FNC(medium)``."""
        return f"{self.metric}({self.of})" if self.of else self.metric

    @property
    def summary(self) -> Summary:
        """Mean, interval, std, Sharpe and drawdown over the eras."""
        return self.scores.summary(horizon=self.horizon)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "who": self.who,
            "metric": self.metric,
            "of": self.of,
            "horizon": self.horizon,
            **self.summary.to_dict(),
            "eras": self.scores.eras.tolist(),
            "values": _values(self.scores),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "ScoreRow":
        """Read what ``to_dict`` returned."""
        return cls(
            who=str(record["who"]),
            metric=str(record["metric"]),
            scores=_scores(record),
            horizon=int(record["horizon"]),
            of=str(record["of"]),
        )


@dataclass(frozen=True)
class Coverage:
    """How much of the eras a benchmark or the meta model covers.

    Attributes:
        name: its column.
        kind: ``meta model`` or ``benchmark``.
        n_eras: scored eras that it has predictions for.
        share_of_rows: of all rows with a target, how many those are.
    """

    name: str
    kind: str
    n_eras: int
    share_of_rows: float


@dataclass(frozen=True, eq=False)
class SweepPoint:
    """The scores of a model after a share of the features' part is taken out of it.

    Attributes:
        proportion: that share; 0 is the model as it is, 1 leaves what FNC measures.
        corr: CORR per era.
        exposure: the largest exposure to a feature, mean of the eras.
        mmc: MMC per era; None without a meta model.
        payout: per era; None without a meta model.
    """

    proportion: float
    corr: Scores
    exposure: float
    mmc: Scores | None = None
    payout: Scores | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "proportion": self.proportion,
            "exposure": None if math.isnan(self.exposure) else self.exposure,
            "eras": self.corr.eras.tolist(),
            "values": _values(self.corr),
            "mmc": self.mmc and _values(self.mmc),
            "payout": self.payout and _values(self.payout),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "SweepPoint":
        """Read what ``to_dict`` returned."""
        exposure = record["exposure"]
        mmc, payout = (
            record[name] and _scores({**record, "values": record[name]})
            for name in ("mmc", "payout")
        )
        return cls(
            proportion=float(record["proportion"]),
            corr=_scores(record),
            exposure=math.nan if exposure is None else float(exposure),
            mmc=mmc,
            payout=payout,
        )

    def restricted(self, eras: npt.NDArray[np.integer[Any]]) -> "SweepPoint":
        """Return the scores of some eras; the exposure stays that of all."""
        return replace(
            self,
            corr=only_eras(self.corr, eras),
            mmc=self.mmc and only_eras(self.mmc, eras),
            payout=self.payout and only_eras(self.payout, eras),
        )


@dataclass(frozen=True, eq=False)
class FeatureScores:
    """How a model follows features.

    Attributes:
        feature_set: the set of the features.
        exposures: a feature's name -> Pearson's correlation of the raw predictions
            with it, mean of the eras; NaN where it never varies.
        sweep: the scores by proportion of neutralization, of what the model gives
            before its own ``[prediction]``.
    """

    feature_set: str
    exposures: dict[str, float]
    sweep: tuple[SweepPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "feature_set": self.feature_set,
            "exposures": {
                name: None if math.isnan(value) else value
                for name, value in self.exposures.items()
            },
            "sweep": [point.to_dict() for point in self.sweep],
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "FeatureScores":
        """Read what ``to_dict`` returned."""
        return cls(
            feature_set=str(record["feature_set"]),
            exposures={
                name: math.nan if value is None else float(value)
                for name, value in record["exposures"].items()
            },
            sweep=tuple(SweepPoint.from_dict(point) for point in record["sweep"]),
        )


def common_eras(rows: Sequence[ScoreRow]) -> list[Scores]:
    """Return the scores of each row in the eras in which all of them have one."""
    eras = rows[0].scores.eras
    for row in rows:
        scores = row.scores
        eras = np.intersect1d(eras, scores.eras[~np.isnan(scores.values)])
    return [only_eras(row.scores, eras) for row in rows]


def only_eras(scores: Scores, eras: npt.NDArray[np.integer[Any]]) -> Scores:
    """Return the scores of some eras."""
    is_wanted = np.isin(scores.eras, eras)
    return Scores(scores.eras[is_wanted], scores.values[is_wanted])


def _values(scores: Scores) -> list[float | None]:
    """Return the values for JSON, which has no NaN."""
    values = scores.values.tolist()
    return [None if math.isnan(value) else value for value in values]


def _scores(record: dict[str, Any]) -> Scores:
    values = [math.nan if value is None else value for value in record["values"]]
    return Scores(np.array(record["eras"], int), np.array(values, float))
