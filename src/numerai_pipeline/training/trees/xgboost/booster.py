"""The XGBoost backend.

The booster lives as long as the training. XGBoost draws rows and features from random
generators that continue from tree to tree and that no model file holds. So they are
seeded at every call of ``grow``, from the recipe's seed and the number of trees: a
resumed training draws the same as one that was never killed.
"""

import json
import re
import warnings
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
    retrain,
)
from numerai_pipeline.models.trees import (
    XGBOOST_MAX_BIN,
    expected_value,
    load_xgboost,
    read_xgboost,
)
from numerai_pipeline.training.trees.backend import (
    GrowingModel,
    Importance,
    TreeJob,
    Values,
    refused,
    sample_rows,
    seed_at,
)
from numerai_pipeline.training.trees.xgboost.rows import (
    Matrix,
    handed_blocks,
    make_matrix,
    missing_mark,
)

# How XGBoost warns of parameters that it does not know.
_UNUSED = re.compile(r"Parameters: \{ (.*) \} are not used")

# The prediction before the first tree: the middle of the targets.
_NO_TREES = 0.5


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
            "it finds no NVIDIA GPU. Check that nvidia-smi lists one"
            if has_cuda
            else "it was built without CUDA. Install the build with CUDA (pip "
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
        check_parameters(parameters, job)
        booster = None
        if job.n_done:  # before the rows are read, as it may be broken
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
    # Raw sums of the validation rows, and how many trees are in them.
    _sums: npt.NDArray[np.float32] | None = None
    _n_summed: int = 0

    def grow(
        self,
        n_trees: int,
        weights: npt.NDArray[np.float32] | None,
        advance: Advance,
    ) -> int:
        """Add trees; see ``GrowingModel``. A tree without a split counts too."""
        self._weights = weights
        self.matrix.set_weight(
            np.ones(len(self.job.train), np.float32) if weights is None else weights
        )
        self._seed()
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
        rows = self.job.train if split == "train" else self.job.validation
        outputs, labels = self._outputs(split), self.job.labels(rows)
        if self.job.is_classification:
            of_label = outputs[np.arange(len(labels)), labels.astype(np.intp)]
            losses = -np.log(np.maximum(of_label, np.finfo(np.float32).tiny))
        else:
            losses = np.square(outputs - labels)
        weights = self._weights if split == "train" else None
        return float(np.average(losses.astype(np.float64), weights=weights))

    def checkpoint(self, n_trees: int) -> None:
        """Write the model; see ``GrowingModel``."""
        write_checkpoint(self.booster, self.job.checkpoints, n_trees)

    def _seed(self) -> None:
        """Seed the draws of the next trees from the number of trees so far.

        The generators belong to the updater, which XGBoost rebuilds when its
        configuration is loaded. The sums of all trees stay.
        """
        seed = seed_at(int(self.parameters["seed"]), self.n_trees)
        self.booster.set_param({**self.parameters, "seed": seed})
        self.booster.load_config(self.booster.save_config())

    def _outputs(self, split: str) -> npt.NDArray[np.float32]:
        """Return ``(rows,)`` values or ``(rows, 5)`` probabilities."""
        rows = self.job.train if split == "train" else self.job.validation
        if self.n_trees == 0:
            return np.full(len(rows), _NO_TREES, np.float32)
        if split == "train":
            outputs: npt.NDArray[np.float32] = self.booster.predict(self.matrix)
            return outputs
        sums = self._validation_sums()
        return _softmax(sums) if self.job.is_classification else sums

    def _validation_sums(self) -> npt.NDArray[np.float32]:
        """Add the newest trees, block by block, to the sums of the older ones."""
        if self._sums is None or self._n_summed < self.n_trees:
            newest = self.booster[self._n_summed : self.n_trees]
            newest.set_param({"device": "cpu"})  # where the blocks are
            rows, start, parts = self.job.validation, 0, []
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
    """Return a booster of the first trees, with the model's own parameters alone.

    Raises:
        DataError: if no checkpoint has that many, or it is broken.
    """
    remedy = retrain(checkpoints)
    paths = sorted(checkpoints.glob("trees-*.ubj"))
    path = next((path for path in paths if _number(path) >= n_trees), None)
    if path is None:
        raise DataError(
            f"{checkpoint_path(checkpoints, n_trees)} does not exist. {remedy}"
        )
    try:
        booster = read_xgboost(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a whole checkpoint ({error}). {remedy}"
        ) from error
    return booster if booster.num_boosted_rounds() == n_trees else booster[:n_trees]


def write_checkpoint(booster: Any, checkpoints: Path, n_trees: int) -> None:
    """Write all trees, then delete the older checkpoints, which it contains."""
    path = checkpoint_path(checkpoints, n_trees)
    write_model(booster, path)
    for other in checkpoints.glob("trees-*.ubj"):
        if other != path:
            other.unlink()


def write_model(booster: Any, path: Path) -> None:
    """Write a booster, atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(booster.save_raw("ubj"))


def checkpoint_path(checkpoints: Path, n_trees: int) -> Path:
    """Return the checkpoint of the first trees."""
    return checkpoints / f"trees-{n_trees:06d}.ubj"


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def xgboost_parameters(job: TreeJob) -> dict[str, Any]:
    """Return what XGBoost is called with; features are named by their indices.

    Raises:
        ConfigError: if a constraint names an unknown feature.
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


def check_parameters(parameters: Mapping[str, Any], job: TreeJob) -> None:
    """Grow a tree on a few rows to find parameters that XGBoost refuses.

    Raises:
        ConfigError: if it does not know a parameter, or refuses a value.
    """
    features, labels = sample_rows(job)
    # It warns of unknown parameters only with a verbosity above 0.
    with (
        xgboost.config_context(verbosity=1),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        try:
            data = xgboost.QuantileDMatrix(features, labels, max_bin=XGBOOST_MAX_BIN)
            booster = xgboost.Booster({**parameters, "verbosity": 1}, [data])
            booster.update(data, 0)
        except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
            raise refused("XGBoost", _first_line(error)) from error
    for warning in caught:
        unused = _UNUSED.search(str(warning.message))
        if unused:
            raise refused("XGBoost", f"it does not know {unused[1]}")


def _first_line(error: Exception) -> str:
    """Return the message of an XGBoost error without the position in its source."""
    return re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", str(error).splitlines()[0])


def device_of_a_tree_on(device: str) -> str:
    """Return where XGBoost really grows a tree: without a GPU it uses the CPU."""
    data = xgboost.DMatrix(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
    booster = xgboost.Booster({"device": device, "verbosity": 0})
    try:
        booster.update(data, 0)
    except xgboost.core.XGBoostError:  # for example, the driver is too old
        return "cpu"
    config = json.loads(booster.save_config())
    return str(config["learner"]["generic_param"]["device"])
