"""XGBoost behind the engine of trees.

XGBoost draws the features of a tree from a generator that runs on from tree to tree
and that no model file holds. So what grows the trees is made anew at every call of
``grow``, with a seed from the recipe's one and the number of trees that are there: a
resumed training draws what it would have drawn. The booster itself lives on, and with
it the sums of all trees so far.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from numerai_pipeline.core import (
    Advance,
    ConfigError,
    DataError,
    atomic_path,
)
from numerai_pipeline.models.trees import expected_value, load_xgboost, read_xgboost
from numerai_pipeline.training.trees.backend import (
    GrowingModel,
    Importance,
    TreeJob,
    Values,
)
from numerai_pipeline.training.trees.xgboost.rows import (
    Matrix,
    handed_blocks,
    make_matrix,
    missing_mark,
)

# A prediction before the first tree: the middle of the targets.
_NO_TREES = 0.5

# Seeds of 31 bits, which every build takes.
_SEED_MASK = 0x7FFF_FFFF


@dataclass(frozen=True)
class XgboostBackend:
    """The library; see ``TreeBackend``."""

    packages: tuple[str, ...] = ("xgboost",)

    def device(self, wanted: str) -> str:
        """Return ``cpu`` or ``cuda``; see ``TreeBackend``."""
        load_xgboost()
        if wanted == "cpu":
            return "cpu"
        has_cuda = bool(xgboost.build_info().get("USE_CUDA"))
        if has_cuda and device_of_a_tree_on("cuda").startswith("cuda"):
            return "cuda"
        if wanted == "auto":
            return "cpu"
        reason = (
            "it sees no NVIDIA GPU here. Check that nvidia-smi lists one"
            if has_cuda
            else "it was built without CUDA. Install the build that has it (pip "
            "install --force-reinstall xgboost)"
        )
        raise ConfigError(
            f"XGBoost cannot train on a GPU: {reason}, or set device = "
            '"cpu" in model.toml [training].'
        )

    def open(self, job: TreeJob) -> GrowingModel:
        """Bin the rows and return a booster; see ``TreeBackend``."""
        load_xgboost()
        parameters = xgboost_parameters(job)
        booster = None
        if job.n_done:  # before the rows are read: it may be broken
            booster = load_checkpoint(job.checkpoints, job.n_done)
        matrix = make_matrix(job, parameters)
        matrix.set_label(job.labels(job.train))
        if booster is None:
            booster = xgboost.Booster(parameters, [matrix])
        return _XgboostModel(job, parameters, matrix, booster, job.n_done)

    def save(self, checkpoints: Path, n_trees: int, path: Path) -> None:
        """Write the first trees of the newest checkpoint; see ``TreeBackend``."""
        load_xgboost()
        write_model(load_checkpoint(checkpoints, n_trees), path)

    def importance(self, path: Path, n_features: int) -> Importance:
        """Read the importance of features; see ``TreeBackend``."""
        try:
            booster = read_xgboost(path)
        except ValueError as error:
            raise DataError(f"{path} is not an XGBoost model ({error}).") from error
        names = booster.feature_names
        if len(names) != n_features:
            raise DataError(f"{path} has {len(names)} features, not {n_features}.")
        gain, split = (
            np.array([scores.get(name, 0.0) for name in names], np.float64)
            for scores in (
                booster.get_score(importance_type=kind)
                for kind in ("total_gain", "weight")
            )
        )
        return Importance(gain, split)


@dataclass
class _XgboostModel:
    """A booster over its rows; see ``GrowingModel``."""

    job: TreeJob
    parameters: Mapping[str, Any]
    matrix: Matrix
    booster: Any
    n_trees: int
    _weights: npt.NDArray[np.float32] | None = None
    # Raw sums of the held-out rows, and how many trees they have.
    _sums: npt.NDArray[np.float32] | None = None
    _n_summed: int = 0

    def grow(
        self,
        n_trees: int,
        weights: npt.NDArray[np.float32] | None,
        advance: Advance,
    ) -> int:
        """Add trees; see ``GrowingModel``. A tree that splits nothing is one, too."""
        self._weights = weights
        self.matrix.set_weight(
            np.ones(len(self.job.train), np.float32) if weights is None else weights
        )
        self._draw_anew()
        for _ in range(n_trees):
            self.booster.update(self.matrix, self.n_trees)
            self.n_trees += 1
            advance(1)
        return n_trees

    def predictions(self, split: str) -> Values:
        """Return the predictions of a split; see ``GrowingModel``."""
        return expected_value(self._outputs(split))

    def loss(self, split: str) -> float:
        """Return the loss of a split; see ``GrowingModel``."""
        rows = self.job.train if split == "train" else self.job.held_out
        outputs, labels = self._outputs(split), self.job.labels(rows)
        if self.job.is_classification:
            of_label = outputs[np.arange(len(labels)), labels.astype(np.intp)]
            losses = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny))
        else:
            losses = np.square(outputs - labels)
        weights = self._weights if split == "train" else None
        return float(np.average(losses.astype(np.float64), weights=weights))

    def checkpoint(self, n_trees: int) -> None:
        """Write the model whole; see ``GrowingModel``."""
        write_checkpoint(self.booster, self.job.checkpoints, n_trees)

    def _draw_anew(self) -> None:
        """Have the next trees drawn by a new generator.

        XGBoost makes its growers when the method of growing changes, and seeds the
        generator when the seed does; both change and change back.
        """
        seed = seed_at(int(self.parameters["seed"]), self.n_trees)
        other = {"tree_method": "approx", "seed": seed ^ 1}
        self.booster.set_param({**self.parameters, **other})
        self.booster.save_config()  # takes the parameters in
        self.booster.set_param({**self.parameters, "seed": seed})

    def _outputs(self, split: str) -> npt.NDArray[np.float32]:
        """Return ``(rows,)`` values or ``(rows, 5)`` probabilities."""
        rows = self.job.train if split == "train" else self.job.held_out
        if self.n_trees == 0:
            return np.full(len(rows), _NO_TREES, np.float32)
        if split == "train":
            outputs: npt.NDArray[np.float32] = self.booster.predict(self.matrix)
            return outputs
        sums = self._held_out_sums()
        return _softmax(sums) if self.job.is_classification else sums

    def _held_out_sums(self) -> npt.NDArray[np.float32]:
        """Add the newest trees, block by block, to the sums of the older ones."""
        if self._sums is None or self._n_summed < self.n_trees:
            newest = self.booster[self._n_summed : self.n_trees]
            newest.set_param({"device": "cpu"})  # where the blocks are
            rows, start, parts = self.job.held_out, 0, []
            for block in handed_blocks(rows):
                end = start + len(block)
                parts.append(
                    newest.inplace_predict(
                        block,
                        predict_type="margin",
                        missing=missing_mark(rows),
                        base_margin=None
                        if self._sums is None
                        else self._sums[start:end],
                    )
                )
                start = end
            self._sums, self._n_summed = np.concatenate(parts), self.n_trees
        return self._sums


def _softmax(sums: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def load_checkpoint(checkpoints: Path, n_trees: int) -> Any:
    """Return a booster of the first trees, with no parameters but the model's own.

    Raises:
        DataError: if there is no checkpoint with as many, or it is broken.
    """
    again = f"Delete the run's folder {checkpoints.parent} and train again."
    paths = sorted(checkpoints.glob("trees-*.ubj"))
    path = next((path for path in paths if _number(path) >= n_trees), None)
    if path is None:
        raise DataError(f"{checkpoint_path(checkpoints, n_trees)} is gone. {again}")
    try:
        booster = read_xgboost(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a whole checkpoint ({error}). {again}"
        ) from error
    return booster if booster.num_boosted_rounds() == n_trees else booster[:n_trees]


def write_checkpoint(booster: Any, checkpoints: Path, n_trees: int) -> None:
    """Write all trees whole, then delete the older checkpoints, which are in it."""
    path = checkpoint_path(checkpoints, n_trees)
    write_model(booster, path)
    for other in checkpoints.glob("trees-*.ubj"):
        if other != path:
            other.unlink()


def write_model(booster: Any, path: Path) -> None:
    """Write a booster whole."""
    with atomic_path(path) as partial:
        partial.write_bytes(booster.save_raw("ubj"))


def checkpoint_path(checkpoints: Path, n_trees: int) -> Path:
    """Name the file of the first trees."""
    return checkpoints / f"trees-{n_trees:06d}.ubj"


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def xgboost_parameters(job: TreeJob) -> dict[str, Any]:
    """Return what XGBoost is called with; features are named by their places.

    Raises:
        ConfigError: if a feature is not there.
    """
    parameters = {"seed": 0, **job.parameters()}
    monotone, interaction = job.monotone(), job.interaction()
    if monotone:
        signs = (str(monotone.get(at, 0)) for at in range(len(job.train.features)))
        parameters["monotone_constraints"] = f"({','.join(signs)})"
    if interaction:
        parameters["interaction_constraints"] = str(interaction)
    parameters["device"] = job.device
    return parameters


def seed_at(seed: int, n_trees: int) -> int:
    """Return the seed of the trees after some; the first ones have the recipe's.

    >>> seed_at(7, 0), seed_at(7, 50) == seed_at(7, 51)
    (7, False)
    """
    if n_trees == 0:
        return seed & _SEED_MASK
    state = np.random.SeedSequence((seed & _SEED_MASK, n_trees)).generate_state(1)
    return int(state[0]) & _SEED_MASK


def device_of_a_tree_on(device: str) -> str:
    """Return where XGBoost really grows a tree: without a GPU it takes the CPU."""
    data = xgboost.DMatrix(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    booster = xgboost.Booster({"device": device, "verbosity": 0})
    try:
        booster.update(data, 0)
    except xgboost.core.XGBoostError:  # a driver that is too old, for one
        return "cpu"
    config = json.loads(booster.save_config())
    return str(config["learner"]["generic_param"]["device"])
