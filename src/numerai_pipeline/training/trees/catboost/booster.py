"""The CatBoost backend.

CatBoost cannot continue a model exactly: the state of its random choice of features is
in no file. So the trees between two evaluations are a model of their own, a part. It
starts from the running sums of all earlier trees (its ``baseline``), with a seed that
follows from the recipe's seed and the number of those trees. The parts, summed, are the
model.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Advance, ConfigError, DataError, retrain
from numerai_pipeline.models import CLASS_VALUES
from numerai_pipeline.models.trees import (
    class_probabilities,
    expected_value,
    load_catboost,
    read_catboost,
    write_catboost,
)
from numerai_pipeline.training.trees.backend import (
    GrowingModel,
    Importance,
    TreeJob,
    TreeRows,
    Values,
    refused,
    sample_rows,
    seed_at,
)
from numerai_pipeline.training.trees.catboost.rows import check_room, quantized_pool

# What CatBoost is called with besides the recipe's parameters.
_SILENT = {"allow_writing_files": False, "verbose": False}

_COUNT_GPUS = "from catboost.utils import get_gpu_device_count as n; print(n())"


@dataclass(frozen=True)
class CatboostBackend:
    """The library; see ``TreeBackend``."""

    packages: tuple[str, ...] = ("catboost",)

    def device(self, wanted: str) -> str:
        """Return ``cpu`` or ``cuda``; ``auto`` is ``cpu``; see ``TreeBackend``.

        On a GPU CatBoost cannot choose from a share of the features, as the default
        recipes do, so a GPU is used only on request.
        """
        load_catboost()
        if wanted != "cuda":
            return "cpu"
        if not has_gpu():
            raise ConfigError(
                "CatBoost finds no GPU to train on. Install NVIDIA's "
                'driver, or set device = "cpu" in model.toml [training].'
            )
        return "cuda"

    def open(self, job: TreeJob) -> GrowingModel:
        """Read the rows and return a model, with the trees of its parts."""
        parameters = catboost_parameters(job)
        check_parameters(parameters, job)
        check_room(job)
        label = label_of(job.train, job)
        start = initial_prediction(label, job)
        read = partial(quantized_pool, scratch=job.cache.parent, progress=job.progress)
        pools = {
            "train": read(job.train, label),
            "validation": read(job.validation, None),
        }
        trees = _CatboostModel(job, parameters, pools, start)
        trees.resume()
        return trees

    def save(self, checkpoints: Path, n_trees: int, path: Path) -> None:
        """Sum the parts of a model; see ``TreeBackend``."""
        parts = [model for _, model in read_parts(checkpoints, n_trees)]
        write_catboost(load_catboost().sum_models(parts), path)

    def importance(self, path: Path, n_features: int) -> Importance:
        """Return how much predictions change with a feature, in percent of all."""
        model = read_catboost(path)
        gain = np.asarray(model.get_feature_importance(), np.float64)
        if len(gain) != n_features:
            raise DataError(f"{path} has {len(gain)} features, not {n_features}.")
        return Importance(gain, np.full(n_features, np.nan))


@dataclass
class _CatboostModel:
    """The parts of a model, and their sums; see ``GrowingModel``.

    Attributes:
        job: the job.
        parameters: what CatBoost is called with.
        pools: ``train`` and ``validation``, quantized.
        start: initial value of the sums: a number, or one per class.
    """

    job: TreeJob
    parameters: dict[str, Any]
    pools: dict[str, Any]
    start: Values
    _n_trees: int = 0
    _sums: dict[str, Values] = field(default_factory=dict)
    # Number of trees up to the end of a part -> the part, while it is in no file.
    _new: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Initialize the sums."""
        for rows in (self.job.train, self.job.validation):
            shape = (len(rows), *self.start.shape)
            self._sums[rows.split] = np.broadcast_to(self.start, shape).copy()

    def resume(self) -> None:
        """Restore the parts up to the checkpoint, and delete later ones."""
        n_done, folder = self.job.n_done, self.job.checkpoints
        for path in folder.glob("trees-*.cbm"):
            if part_number(path) > n_done:
                path.unlink()  # of an evaluation that was not recorded
        if n_done:
            for n_trees, part in read_parts(folder, n_done):
                part.set_scale_and_bias(1.0, np.zeros_like(self.start).tolist())
                self._add(part)
                self._n_trees = n_trees

    def grow(
        self,
        n_trees: int,
        weights: npt.NDArray[np.float32] | None,
        advance: Advance,
    ) -> int:
        """Add a part of ``n_trees`` trees; see ``GrowingModel``.

        Always all of them: CatBoost does not report that no split improves the loss.
        """
        train = self.pools["train"]
        train.set_weight(
            np.ones(len(self.job.train), np.float32) if weights is None else weights
        )
        train.set_baseline(self._sums["train"])
        part = self._fit(n_trees, advance)
        self._add(part)
        if self._n_trees == 0:
            part.set_scale_and_bias(1.0, self.start.tolist())
        self._n_trees += n_trees
        self._new[self._n_trees] = part
        return n_trees

    def predictions(self, split: str) -> Values:
        """Return the predictions of a split; see ``GrowingModel``."""
        sums = self._sums[split]
        if self.job.is_classification:
            return expected_value(class_probabilities(sums))
        return sums.copy()

    def loss(self, split: str) -> float:
        """Return the unweighted loss of a split; see ``GrowingModel``."""
        rows = self.job.train if split == "train" else self.job.validation
        label = label_of(rows, self.job)
        sums = self._sums[split]
        if not self.job.is_classification:
            return float(np.mean((sums - label) ** 2))
        of_label = class_probabilities(sums)[np.arange(len(label)), label]
        return float(-np.mean(np.log(of_label)))

    def checkpoint(self, n_trees: int) -> None:
        """Write the parts that are in no file yet; see ``GrowingModel``."""
        for number in sorted(self._new):
            if number <= n_trees:
                write_catboost(
                    self._new.pop(number), part_path(self.job.checkpoints, number)
                )

    def _add(self, part: Any) -> None:
        # CatBoost adds a pool's baseline to what it predicts, rounded to float32.
        self.pools["train"].set_baseline(np.zeros_like(self._sums["train"]))
        for split, pool in self.pools.items():
            self._sums[split] += part.predict(pool, prediction_type="RawFormulaVal")

    def _fit(self, n_trees: int, advance: Advance) -> Any:
        catboost = load_catboost()
        model = catboost.CatBoost(
            {
                **self.parameters,
                "iterations": n_trees,
                "random_seed": seed_at(
                    int(self.parameters["random_seed"]), self._n_trees
                ),
            }
        )
        ticker = _Ticker(advance)
        on_gpu = self.job.device == "cuda"
        try:
            # On a GPU CatBoost does not call back.
            model.fit(self.pools["train"], callbacks=None if on_gpu else [ticker])
        except catboost.CatBoostError as error:
            raise refused("CatBoost", _first_line(error)) from error
        if ticker.error is not None:
            raise ticker.error
        if on_gpu:
            advance(n_trees)
        return model


class _Ticker:
    """Reports each tree; keeps exceptions, which CatBoost would swallow."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self.error: BaseException | None = None

    def after_iteration(self, _info: Any) -> bool:
        """Report a tree; return whether to continue."""
        try:
            self._advance(1)
        except BaseException as error:  # noqa: BLE001 - also Ctrl-C; raised later
            self.error = error
        return self.error is None


def catboost_parameters(job: TreeJob) -> dict[str, Any]:
    """Return what CatBoost is called with; features are named by their indices.

    Raises:
        ConfigError: if a constraint names an unknown feature, or a GPU cannot do it.
    """
    parameters = {**job.parameters(), **_SILENT}
    monotone = job.monotone()
    if monotone:
        parameters["monotone_constraints"] = monotone
    # The baseline is the initial value; CatBoost warns if both are given.
    parameters["boost_from_average"] = False
    # If all targets are the same, the evaluation on validation eras fails and says so.
    parameters["allow_const_label"] = True
    if job.device == "cpu":
        return {**parameters, "model_shrink_rate": 0.0}
    if float(parameters.pop("rsm", 1.0)) < 1 or monotone:
        raise ConfigError(
            "on a GPU, CatBoost can neither choose from a share of the features nor "
            "keep monotone constraints. Set colsample_bytree = 1.0 and no monotone in "
            'model.toml [parameters], or device = "cpu" in [training].'
        )
    return {**parameters, "task_type": "GPU"}


def label_of(rows: TreeRows, job: TreeJob) -> npt.NDArray[Any]:
    """Return ``(rows,)`` float32 targets, or int64 classes in 0..4."""
    labels = job.labels(rows)
    return labels.astype(np.int64) if job.is_classification else labels


def initial_prediction(label: npt.NDArray[Any], job: TreeJob) -> Values:
    """Return the best constant prediction: the mean, or logarithms of class shares.

    Raises:
        DataError: if one of the five classes has no rows.
    """
    if not job.is_classification:
        return np.asarray(label.mean(dtype=np.float64))
    counts = np.bincount(label, minlength=len(CLASS_VALUES))
    if not counts.all():
        absent = CLASS_VALUES[int(np.argmin(counts))]
        raise DataError(
            f"no training row has {absent} as '{job.train.target}', but CatBoost's "
            "classification needs rows of all five classes. Choose more eras, or set "
            'objective = "regression" in model.toml [parameters].'
        )
    shares: Values = np.log(counts / len(label))
    return shares


def has_gpu() -> bool:
    """Ask in a subprocess: here CatBoost would print, and fail from then on."""
    asked = subprocess.run(  # noqa: S603 - the constant above
        [sys.executable, "-c", _COUNT_GPUS], capture_output=True, text=True, check=False
    )
    answer = asked.stdout.strip()
    return asked.returncode == 0 and answer.isdigit() and int(answer) > 0


def check_parameters(parameters: Mapping[str, Any], job: TreeJob) -> None:
    """Grow a tree on a few rows to find parameters that CatBoost refuses.

    Raises:
        ConfigError: if it does not know a parameter, or refuses a value.
    """
    catboost = load_catboost()
    features, labels = sample_rows(job)
    try:
        catboost.CatBoost({**parameters, "iterations": 1}).fit(features, labels)
    except (catboost.CatBoostError, TypeError) as error:
        raise refused("CatBoost", _first_line(error)) from error


def _first_line(error: Exception) -> str:
    """Return the message of a CatBoost error without the position in its source."""
    return re.sub(r"^\S+:\d+: ", "", str(error).splitlines()[0])


def read_parts(checkpoints: Path, n_trees: int) -> list[tuple[int, Any]]:
    """Return the parts of the first trees, each with the number of trees at its end.

    Args:
        checkpoints: the folder of the parts.
        n_trees: how many trees; a part ends there.

    Raises:
        DataError: if a part is missing or broken.
    """
    parts, n_before, remedy = [], 0, retrain(checkpoints)
    for path in sorted(checkpoints.glob("trees-*.cbm"), key=part_number):
        if part_number(path) > n_trees:
            break
        part = read_catboost(path)
        if part.tree_count_ != part_number(path) - n_before:
            raise DataError(f"{checkpoints} lacks trees before {path.name}. {remedy}")
        n_before = part_number(path)
        parts.append((n_before, part))
    if n_before != n_trees:
        raise DataError(f"{part_path(checkpoints, n_trees)} does not exist. {remedy}")
    return parts


def part_path(checkpoints: Path, n_trees: int) -> Path:
    """Return the file of the part that ends at a number of trees."""
    return checkpoints / f"trees-{n_trees:06d}.cbm"


def part_number(path: Path) -> int:
    """Return the number of trees at the end of a part."""
    return int(path.stem.partition("-")[2])
