"""What scoring a run came to, and the file that keeps it."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numerai_pipeline.core import DataError, read_json, write_json
from numerai_pipeline.scoring import Scores, Summary

# Changes when the file's meaning does: what an older version wrote is made again.
LAYOUT = 1


@dataclass(frozen=True, eq=False)
class ScoreRow:
    """One score of one model, an era each.

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
        """What the eras' scores come to."""
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
    """How far a model of Numerai's can be compared with.

    Attributes:
        name: its column.
        kind: ``meta model`` or ``benchmark``.
        n_eras: held-out eras that it has predictions for.
        share_of_rows: of all rows with a target, how many those are.
    """

    name: str
    kind: str
    n_eras: int
    share_of_rows: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one run on eras that it was not trained on.

    Attributes:
        folder: the run folder.
        model: the model's name.
        split: the split that was scored.
        target: the target that the scores are measured by.
        n_rows: rows that were predicted.
        n_eras: eras with the target, which are those that were scored.
        rows: the scores; the first is the model's own CORR.
        coverage: meta model and benchmarks, as far as they go.
        shards_fingerprint: which shards these were.
        fingerprint: which run, shards and files all this was made from.
    """

    folder: Path
    model: str
    split: str
    target: str
    n_rows: int
    n_eras: int
    rows: tuple[ScoreRow, ...]
    coverage: tuple[Coverage, ...]
    shards_fingerprint: str
    fingerprint: str

    @property
    def plot(self) -> Path:
        """The picture of the scores."""
        return plot_path(self.folder, self.split)

    @property
    def predictions(self) -> Path:
        """The predictions that were scored."""
        return predictions_path(self.folder, self.split)

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
        write_json(scores_path(self.folder, self.split), self._record())

    def _record(self) -> dict[str, Any]:
        return {
            "layout": LAYOUT,
            "run": self.folder.name,
            "model": self.model,
            "split": self.split,
            "target": self.target,
            "n_rows": self.n_rows,
            "n_eras": self.n_eras,
            "coverage": [asdict(reference) for reference in self.coverage],
            "rows": [row.to_dict() for row in self.rows],
            "shards_fingerprint": self.shards_fingerprint,
            "fingerprint": self.fingerprint,
        }


def read_evaluation(folder: Path, split: str, fingerprint: str) -> Evaluation | None:
    """Read what was written of the same run, shards and files before.

    Returns:
        None if there is nothing, if it was made from something else, or if the file
        cannot be read: it is then made again.
    """
    paths = (scores_path, plot_path, predictions_path)
    if not all(path(folder, split).is_file() for path in paths):
        return None
    try:
        record = read_json(scores_path(folder, split))
        if record["fingerprint"] != fingerprint:
            return None
        return Evaluation(
            folder=folder,
            model=record["model"],
            split=record["split"],
            target=record["target"],
            n_rows=record["n_rows"],
            n_eras=record["n_eras"],
            rows=tuple(ScoreRow.from_dict(row) for row in record["rows"]),
            coverage=tuple(Coverage(**entry) for entry in record["coverage"]),
            shards_fingerprint=record["shards_fingerprint"],
            fingerprint=record["fingerprint"],
        )
    except (DataError, KeyError, TypeError, ValueError):
        return None


def known_corr(folder: Path, split: str = "valid") -> float | None:
    """Return the mean CORR of a run's last score, whatever it was made from.

    Returns:
        None if it was never scored, if no era has a score, or if the file cannot be
        read.
    """
    if not scores_path(folder, split).is_file():
        return None
    try:
        row = ScoreRow.from_dict(read_json(scores_path(folder, split))["rows"][0])
    except (DataError, LookupError, TypeError, ValueError):
        return None
    mean = row.summary.mean
    return mean if row.metric == "CORR" and not math.isnan(mean) else None


def scores_path(folder: Path, split: str) -> Path:
    """Return where the scores of a split stand: ``scores.json`` for ``valid``."""
    return folder / f"scores{_suffix(split)}.json"


def plot_path(folder: Path, split: str) -> Path:
    """Return where the picture of a split stands."""
    return folder / "plots" / f"scores{_suffix(split)}.png"


def predictions_path(folder: Path, split: str) -> Path:
    """Return where the predictions of a split stand."""
    return folder / f"predictions_{split}.parquet"


def _suffix(split: str) -> str:
    return "" if split == "valid" else f"_{split}"
