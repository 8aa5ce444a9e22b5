"""The scores of a run, and the file that keeps them."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from numerai_pipeline.core import DataError, digest_of, read_json, write_json
from numerai_pipeline.scoring import Scores, Summary

# Changes when the file's meaning does: what an older version wrote is scored again.
LAYOUT = 3

EvaluatedPart = Literal["test", "validation"]


@dataclass(frozen=True, eq=False)
class ScoreRow:
    """One score of one model, per era.

    Attributes:
        who: the model's name, or the column of the meta model or benchmark.
        metric: what is measured, such as ``CORR``, ``MMC``,
            ``BMC of v53_lgbm_ender20``.
        scores: the score of each era.
    """

    who: str
    metric: str
    scores: Scores

    @property
    def summary(self) -> Summary:
        """Mean, std, Sharpe and drawdown over the eras."""
        return self.scores.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "who": self.who,
            "metric": self.metric,
            **self.summary.to_dict(),
            "eras": self.scores.eras.tolist(),
            "values": [
                None if math.isnan(value) else value
                for value in self.scores.values.tolist()
            ],
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "ScoreRow":
        """Read what ``to_dict`` returned."""
        values = [math.nan if value is None else value for value in record["values"]]
        return cls(
            who=str(record["who"]),
            metric=str(record["metric"]),
            scores=Scores(np.array(record["eras"], int), np.array(values, float)),
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
class Evaluation:
    """Scores of one run on eras that it did not learn from.

    Attributes:
        folder: the run folder.
        model: the model's name.
        on: ``test``: eras that nothing was chosen on; ``validation``: eras that chose
            the epoch, so that the scores are too good.
        purge: eras left out between the parts of the run's fold.
        horizon: the purge that the targets need.
        by_rows: whether training rows have the same eras as these.
        target: the target that the scores are measured by.
        n_rows: rows that were predicted.
        n_eras: eras with the target, which are those that were scored.
        rows: the scores; the first is the model's own CORR.
        coverage: meta model and benchmarks, and how much they cover.
        shards_fingerprint: which shards these were.
        fingerprint: which run, shards and files all this was made from.
    """

    folder: Path
    model: str
    on: EvaluatedPart
    purge: int
    horizon: int
    by_rows: bool
    target: str
    n_rows: int
    n_eras: int
    rows: tuple[ScoreRow, ...]
    coverage: tuple[Coverage, ...]
    shards_fingerprint: str
    fingerprint: str

    @property
    def warnings(self) -> list[str]:
        """What makes the scores too good, one sentence each."""
        found = []
        if self.on == "validation":
            found.append("The epoch was chosen on these eras, so the scores are high.")
        if self.by_rows:
            found.append(
                "Leak: the shards were split by rows, so training rows have the same "
                "eras as these."
            )
        elif self.purge < self.horizon:
            found.append(
                f"Leak: the purge is {self.purge} eras, but the targets need "
                f"{self.horizon}."
            )
        return found

    @property
    def plot(self) -> Path:
        """The plot of the scores."""
        return plot_path(self.folder, self.on)

    @property
    def predictions(self) -> Path:
        """The predictions that were scored."""
        return predictions_path(self.folder, self.on)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON: what the file holds, and where all files are."""
        return {
            "folder": str(self.folder),
            "plot": str(self.plot),
            "predictions": str(self.predictions),
            **self._record(),
        }

    def write(self) -> None:
        """Write ``scores.json``, whole; it names no path, so a run can be moved."""
        write_json(scores_path(self.folder, self.on), self._record())

    def _record(self) -> dict[str, Any]:
        return {
            "layout": LAYOUT,
            "run": self.folder.name,
            "model": self.model,
            "on": self.on,
            "purge": self.purge,
            "horizon": self.horizon,
            "by_rows": self.by_rows,
            "warnings": self.warnings,
            "target": self.target,
            "n_rows": self.n_rows,
            "n_eras": self.n_eras,
            "coverage": [asdict(reference) for reference in self.coverage],
            "rows": [row.to_dict() for row in self.rows],
            "shards_fingerprint": self.shards_fingerprint,
            "fingerprint": self.fingerprint,
        }


def read_evaluation(
    folder: Path, on: EvaluatedPart, fingerprint: str
) -> Evaluation | None:
    """Read what was written of the same run, shards and files before.

    Returns:
        None if there is nothing, if it was made from something else, or if the file
        cannot be read: the run is then scored again.
    """
    paths = (scores_path, plot_path, predictions_path)
    if not all(path(folder, on).is_file() for path in paths):
        return None
    try:
        record = read_json(scores_path(folder, on))
        if (record["fingerprint"], record["on"]) != (fingerprint, on):
            return None
        found = Evaluation(
            folder=folder,
            model=record["model"],
            on=record["on"],
            purge=record["purge"],
            horizon=record["horizon"],
            by_rows=record["by_rows"],
            target=record["target"],
            n_rows=record["n_rows"],
            n_eras=record["n_eras"],
            rows=tuple(ScoreRow.from_dict(row) for row in record["rows"]),
            coverage=tuple(Coverage(**entry) for entry in record["coverage"]),
            shards_fingerprint=record["shards_fingerprint"],
            fingerprint=record["fingerprint"],
        )
        # What follows from the rest, such as means and warnings, must do so too.
        is_whole = bool(found.rows) and digest_of(found._record()) == digest_of(record)
    except (DataError, KeyError, TypeError, ValueError):
        return None
    return found if is_whole else None


def last_corr(folder: Path, on: EvaluatedPart = "test") -> float | None:
    """Return the mean CORR of a run's last score, whatever it was made from.

    Returns:
        None if it was never scored on these eras, if none has a score, or if the file
        cannot be read or is of an older version, which scored other eras.
    """
    if not scores_path(folder, on).is_file():
        return None
    try:
        record = read_json(scores_path(folder, on))
        row = ScoreRow.from_dict(record["rows"][0])
        if (record["layout"], record["on"]) != (LAYOUT, on):
            return None
    except (DataError, LookupError, TypeError, ValueError):
        return None
    mean = row.summary.mean
    return mean if row.metric == "CORR" and not math.isnan(mean) else None


def scores_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the scores of a part stand: ``scores.json`` of the test eras."""
    return folder / f"scores{_suffix(on)}.json"


def plot_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the picture of a part stands."""
    return folder / "plots" / f"scores{_suffix(on)}.png"


def predictions_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the predictions of a part stand."""
    return folder / f"predictions_{on}.parquet"


def _suffix(on: EvaluatedPart) -> str:
    return "" if on == "test" else f"_{on}"
