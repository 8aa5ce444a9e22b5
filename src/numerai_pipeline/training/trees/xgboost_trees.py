"""XGBoost behind the engine of trees.

XGBoost draws the features of a tree from a generator that runs on from tree to tree
and that no model file holds. So what grows the trees is made anew at every call of
``grow``, with a seed from the recipe's one and the number of trees that are there: a
resumed training draws what it would have drawn. The booster itself lives on, and with
it the sums of all trees so far.
"""

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
)
from numerai_pipeline.models import (
    CLASS_VALUES,
    expected_value,
    load_xgboost,
    read_xgboost,
)
from numerai_pipeline.training.trees.library import (
    Importance,
    TreeJob,
    Trees,
    Values,
)
from numerai_pipeline.training.trees.xgboost_blocks import (
    handed_blocks,
    missing_mark,
)
from numerai_pipeline.training.trees.xgboost_checkpoints import (
    load_checkpoint,
    write_checkpoint,
    write_model,
)
from numerai_pipeline.training.trees.xgboost_matrix import Matrix, make_matrix
from numerai_pipeline.training.trees.xgboost_parameters import (
    booster_parameters,
    device_of_a_tree_on,
    seed_at,
)

_N_CLASSES = len(CLASS_VALUES)

# A prediction before the first tree: the middle of the targets.
_NO_TREES = 0.5


@dataclass(frozen=True)
class XgboostLibrary:
    """The library; see ``Library``."""

    packages: tuple[str, ...] = ("xgboost",)

    def device(self, wanted: str) -> str:
        """Return ``cpu`` or ``cuda``; see ``Library``."""
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

    def open(self, job: TreeJob) -> Trees:
        """Bin the rows and return a booster; see ``Library``."""
        load_xgboost()
        parameters = booster_parameters(job)
        booster = None
        if job.n_done:  # before the rows are read: it may be broken
            booster = load_checkpoint(job.checkpoints, job.n_done)
        matrix = make_matrix(job, parameters)
        matrix.set_label(job.labels(job.train))
        if booster is None:
            booster = xgboost.Booster(parameters, [matrix])
        return _XgboostTrees(job, parameters, matrix, booster, job.n_done)

    def save(self, checkpoints: Path, n_trees: int, path: Path) -> None:
        """Write the first trees of the newest checkpoint; see ``Library``."""
        load_xgboost()
        write_model(load_checkpoint(checkpoints, n_trees), path)

    def importance(self, path: Path, n_features: int) -> Importance:
        """Read the importance of features; see ``Library``."""
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
class _XgboostTrees:
    """A booster over its rows; see ``Trees``."""

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
        """Add trees; see ``Trees``. A tree that splits nothing is one, too."""
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
        """Return the predictions of a split; see ``Trees``."""
        return expected_value(self._outputs(split))

    def loss(self, split: str) -> float:
        """Return the loss of a split; see ``Trees``."""
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
        """Write the model whole; see ``Trees``."""
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
