"""Trains LightGBM, fed from shards an era at a time.

LightGBM cannot go on exactly where it was killed: its random state and the running
sums behind the predictions are not in a saved model. So an unfinished training begins
anew, which gives the same trees, since the seed is the recipe's.
"""

from typing import Any, cast

import lightgbm
import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import atomic_path, read_json, stopwatch
from numerai_pipeline.data import ShardReader, decode_features
from numerai_pipeline.models import LightgbmTraining, load_lightgbm
from numerai_pipeline.training.assignment import Assignment
from numerai_pipeline.training.labels import Labels

UNIT = "tree"
PACKAGES = ("lightgbm",)
RESUMES = False


def device() -> str:
    """Name what trees are trained on."""
    return "cpu"


def fit(assignment: Assignment) -> None:
    """Train a booster and save it up to its best number of trees.

    Raises:
        DataError: if the untrained model does not fit the data.
    """
    load_lightgbm()
    training = cast(LightgbmTraining, assignment.plan.checked.training)
    recorder = assignment.recorder
    untrained = read_json(assignment.untrained)
    assignment.check_width(untrained.get("n_features", len(assignment.plan.features)))
    n_trees = int(untrained["n_estimators"])
    held_out = assignment.held_out.by_era()
    booster = _booster(assignment, untrained["booster"], held_out)
    with assignment.progress.task(
        f"training {assignment.plan.job.name}", n_trees, "trees"
    ) as advance:
        started = stopwatch()
        for tree in range(1, n_trees + 1):
            is_at_end = booster.update()
            advance(1)
            if is_at_end or tree % training.evaluate_every == 0 or tree == n_trees:
                val_loss, val_corr = _look_at_held_out(booster, held_out)
                recorder.record(
                    tree,
                    loss=booster.eval_train()[0][2],
                    val_loss=val_loss,
                    val_corr=val_corr,
                    seconds=stopwatch() - started,
                )
                started = stopwatch()
            if is_at_end or recorder.is_patience_over:
                break
    if recorder.best is not None:
        with atomic_path(assignment.best_path) as partial:
            booster.save_model(partial, num_iteration=recorder.best.epoch)


def _booster(
    assignment: Assignment, parameters: dict[str, Any], held_out: Labels
) -> Any:
    """Bin both splits and return a booster without trees."""
    reader = assignment.plan.reader
    recipe = assignment.plan.checked.recipe
    datasets: list[Any] = []
    for split in ("train", "valid"):
        assignment.progress.note(
            f"binning {reader.n_rows(split):,} rows of {split} for LightGBM"
        )
        labels = (
            held_out
            if split == "valid"
            else Labels.read(reader, split, recipe.target).by_era()
        )
        eras = _EraCache(
            reader, split, assignment.plan.features, recipe.target, recipe.missing
        )
        dataset = lightgbm.Dataset(
            [_Era(eras, era, n) for era, n in labels.rows_per_era()],
            label=labels.values,
            reference=datasets[0] if datasets else None,
            params=parameters,
        )
        datasets.append(dataset.construct())
    booster = lightgbm.Booster(parameters, datasets[0])
    booster.add_valid(datasets[1], "valid")
    return booster


def _look_at_held_out(booster: Any, held_out: Labels) -> tuple[float, float]:
    """Return loss and mean CORR of the held-out eras.

    LightGBM keeps the predictions of the held-out rows up to date with each tree and
    hands them to a metric; nothing is predicted anew.
    """
    seen: list[npt.NDArray[np.float64]] = []

    def see(
        predictions: npt.NDArray[np.float64], _data: Any
    ) -> tuple[str, float, bool]:
        seen.append(predictions)
        return "seen", 0.0, True

    val_loss = booster.eval_valid(feval=see)[0][2]
    return val_loss, held_out.corr(seen[0].astype(np.float32))


class _EraCache:
    """Decodes one era at a time, and keeps the last one.

    LightGBM asks for the rows in order, once to choose the bins and once to fill
    them, so each era is decoded twice and one is in memory.
    """

    def __init__(
        self,
        reader: ShardReader,
        split: str,
        features: tuple[str, ...],
        target: str,
        missing: float,
    ) -> None:
        self._reader = reader
        self._split = split
        self._features = features
        self._target = target
        self._missing = missing
        self._era: int | None = None
        self._codes: npt.NDArray[np.uint8] = np.empty((0, 0), dtype=np.uint8)

    def rows(self, era: int, which: slice) -> npt.NDArray[np.float32]:
        """Return features of the rows of an era that have the target.

        Returns:
            ``(rows, n_features)`` float32.
        """
        if self._era != era:
            block = self._reader.read(
                self._split,
                eras=(era,),
                features=self._features,
                targets=(self._target,),
            )
            self._codes = block.x[~np.isnan(block.y[:, 0])]
            self._era = era
        return decode_features(self._codes[which], self._missing)


class _Era(lightgbm.Sequence):
    """The rows of one era, as LightGBM wants to read them."""

    def __init__(self, eras: _EraCache, era: int, n_rows: int) -> None:
        self._eras = eras
        self._number = era
        self._n_rows = n_rows

    def __len__(self) -> int:
        return self._n_rows

    def __getitem__(self, which: Any) -> npt.NDArray[Any]:
        if isinstance(which, slice):
            return self._eras.rows(self._number, which)
        # A single row is part of the sample for the bins, which must be float64.
        rows = self._eras.rows(self._number, slice(which, which + 1))
        row: npt.NDArray[np.float64] = rows[0].astype(np.float64)
        return row
