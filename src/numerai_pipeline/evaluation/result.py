"""The scores of a model, and the file that keeps them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    DataError,
    counted,
    digest_of,
    read_json,
    write_json,
)
from numerai_pipeline.data import MIN_TEST_ERAS, Fold, format_eras
from numerai_pipeline.evaluation.rows import (
    Coverage,
    FeatureScores,
    ScoreRow,
    only_eras,
)
from numerai_pipeline.scoring import Difference, difference

# Changes when the file's meaning does: what an older version wrote is scored again.
LAYOUT = 5

EvaluatedPart = Literal["test", "validation", "backtest", "lockbox"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one model on eras that it did not learn from.

    Attributes:
        folder: the folder of the run or backtest.
        model: the model's name.
        on: ``test``: eras that nothing was chosen on; ``validation``: eras that chose
            the epoch, so that the scores are too good; ``backtest``: the test eras of
            all folds; ``lockbox``: the newest eras, which no other command reads.
        folds: what was trained and chosen on which eras; one of a run.
        needed_purge: the purge that the targets need.
        target: the target that the scores are measured by.
        n_rows: rows that were predicted.
        n_eras: eras with the target, which are those that were scored.
        rows: the scores; the first is the model's own CORR.
        coverage: meta model and benchmarks, and how much they cover.
        benchmark: column of the benchmark that scores are compared with; empty
            without any.
        features: exposures and neutralization; None where they were not wanted.
        shards_fingerprint: which shards these were.
        fingerprint: which predictions, shards, files and settings all this was made
            from.
        neutralized: what ``[prediction]`` took out of the predictions, in words; empty:
            nothing.
        left_out: eras that it could not be taken out of, so that they are not scored.
    """

    folder: Path
    model: str
    on: EvaluatedPart
    folds: tuple[Fold, ...]
    needed_purge: int
    target: str
    n_rows: int
    n_eras: int
    rows: tuple[ScoreRow, ...]
    coverage: tuple[Coverage, ...]
    benchmark: str
    features: FeatureScores | None
    shards_fingerprint: str
    fingerprint: str
    neutralized: str = ""
    left_out: tuple[int, ...] = ()

    @property
    def purge(self) -> int:
        """Eras left out between the parts of each fold."""
        return min(fold.purge for fold in self.folds)

    @property
    def by_rows(self) -> bool:
        """Whether training rows have the same eras as these."""
        return any(fold.by_rows for fold in self.folds)

    @property
    def meta_model(self) -> str:
        """Column of the meta model; empty without one."""
        return next((one.name for one in self.coverage if one.kind == "meta model"), "")

    @property
    def warnings(self) -> list[str]:
        """What makes the scores too good, one sentence each."""
        found = []
        if self.n_eras < MIN_TEST_ERAS:
            found.append(
                f"{self.n_eras} eras are too few to say anything about a model."
            )
        if self.left_out:
            found.append(
                f"Not scored, since they could not be {self.neutralized}: "
                f"{counted(len(self.left_out), 'eras')} {format_eras(self.left_out)}."
            )
        if self.on == "validation":
            found.append("The epoch was chosen on these eras, so the scores are high.")
        if self.by_rows:
            found.append(
                "Leak: the shards were split by rows, so training rows have the same "
                "eras as these."
            )
        elif self.purge < self.needed_purge:
            found.append(
                f"Leak: the purge is {self.purge} eras, but the targets need "
                f"{self.needed_purge}."
            )
        if self.on == "backtest" and self._learns_from_later:
            found.append(
                "The folds learn from eras after those that they predict, which no "
                "live model can."
            )
        return found

    @property
    def _learns_from_later(self) -> bool:
        return any(fold.train[-1] > fold.test[0] for fold in self.folds if fold.test)

    def row(
        self, metric: str, who: str | None = None, of: str | None = None
    ) -> ScoreRow | None:
        """Return a score, by default of the model itself; None if there is none.

        Args:
            metric: such as ``MMC``.
            who: the model, by default the evaluation's own.
            of: the benchmark, feature set or target; by default that of the first
                such row, which of BMC is the main benchmark.
        """
        wanted = (who or self.model, metric)
        return next(
            (
                row
                for row in self.rows
                if (row.who, row.metric) == wanted and of in (None, row.of)
            ),
            None,
        )

    def versus_benchmark(self, row: ScoreRow) -> Difference | None:
        """Compare a score with the main benchmark's on the eras that both have.

        Returns:
            The difference, the model minus the benchmark; None where the benchmark
            has no such score.
        """
        other = self.row(row.metric, self.benchmark, row.of)
        if not self.benchmark or other is None or row.who == self.benchmark:
            return None
        return difference(row.scores, other.scores, horizon=row.horizon)

    def restricted(self, eras: npt.NDArray[np.integer[Any]]) -> "Evaluation":
        """Return the same scores of some of the eras.

        Exposures to single features stay means of all eras.
        """
        features = self.features
        if features is not None:
            sweep = tuple(point.restricted(eras) for point in features.sweep)
            features = replace(features, sweep=sweep)
        rows = (replace(row, scores=only_eras(row.scores, eras)) for row in self.rows)
        return replace(self, n_eras=len(eras), rows=tuple(rows), features=features)

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
            "versus_benchmark": [
                {"metric": row.metric, "of": row.of, **_plain(found)}
                for row in self.rows
                if row.who == self.model
                and (found := self.versus_benchmark(row)) is not None
            ],
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
            "folds": [fold.to_dict() for fold in self.folds],
            "purge": self.purge,
            "needed_purge": self.needed_purge,
            "by_rows": self.by_rows,
            "warnings": self.warnings,
            "target": self.target,
            "n_rows": self.n_rows,
            "n_eras": self.n_eras,
            "coverage": [asdict(reference) for reference in self.coverage],
            "benchmark": self.benchmark,
            "rows": [row.to_dict() for row in self.rows],
            "features": self.features and self.features.to_dict(),
            "shards_fingerprint": self.shards_fingerprint,
            "fingerprint": self.fingerprint,
            "neutralized": self.neutralized,
            "left_out": list(self.left_out),
        }


def read_evaluation(
    folder: Path, on: EvaluatedPart, fingerprint: str | None = None
) -> Evaluation | None:
    """Read what was written of the same predictions, shards and files before.

    Args:
        folder: of the run or backtest.
        on: which eras.
        fingerprint: what it must be made from; None: anything.

    Returns:
        None if there is nothing, if it was made from something else, or if the file
        cannot be read: it is then scored again.
    """
    paths = (scores_path, plot_path, predictions_path)
    if not all(path(folder, on).is_file() for path in paths):
        return None
    try:
        record = read_json(scores_path(folder, on))
        if record["on"] != on or fingerprint not in (None, record["fingerprint"]):
            return None
        features = record["features"]
        found = Evaluation(
            folder=folder,
            model=record["model"],
            on=record["on"],
            folds=tuple(Fold.from_dict(fold) for fold in record["folds"]),
            needed_purge=record["needed_purge"],
            target=record["target"],
            n_rows=record["n_rows"],
            n_eras=record["n_eras"],
            rows=tuple(ScoreRow.from_dict(row) for row in record["rows"]),
            coverage=tuple(Coverage(**entry) for entry in record["coverage"]),
            benchmark=record["benchmark"],
            features=features and FeatureScores.from_dict(features),
            shards_fingerprint=record["shards_fingerprint"],
            fingerprint=record["fingerprint"],
            neutralized=record["neutralized"],
            left_out=tuple(record["left_out"]),
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
    row = last_corr_row(folder, on)
    mean = math.nan if row is None else row.summary.mean
    return None if math.isnan(mean) else mean


def last_corr_row(folder: Path, on: EvaluatedPart) -> ScoreRow | None:
    """Return the CORR per era of a run's last score; None as ``last_corr`` does."""
    if not scores_path(folder, on).is_file():
        return None
    try:
        record = read_json(scores_path(folder, on))
        if (record["layout"], record["on"]) != (LAYOUT, on):
            return None
        row = ScoreRow.from_dict(record["rows"][0])
    except (DataError, LookupError, TypeError, ValueError):
        return None
    return row if row.metric == "CORR" else None


def on_common_eras(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Return the evaluations restricted to the eras that all models have.

    They are returned as they are if these are all eras, or if there are none.
    """
    eras = [one.rows[0].scores.eras for one in evaluations.values()]
    common = eras[0]
    for others in eras:
        common = np.intersect1d(common, others)
    if not len(common) or all(len(one) == len(common) for one in eras):
        return dict(evaluations)
    return {name: one.restricted(common) for name, one in evaluations.items()}


def scores_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the scores of a part stand: ``scores.json`` of the test eras."""
    return folder / f"scores{_suffix(on)}.json"


def plot_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the picture of a part stands."""
    return folder / "plots" / f"scores{_suffix(on)}.png"


def sweep_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the picture of the sweep of a part stands."""
    return folder / "plots" / f"sweep{_suffix(on)}.png"


def predictions_path(folder: Path, on: EvaluatedPart) -> Path:
    """Return where the predictions of a part stand."""
    return folder / f"predictions{'' if on == 'backtest' else f'_{on}'}.parquet"


def _suffix(on: EvaluatedPart) -> str:
    return "" if on in ("test", "backtest") else f"_{on}"


def _plain(found: Difference) -> dict[str, float | int | None]:
    """Return a difference for JSON, which has no NaN."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(found).items()
    }
