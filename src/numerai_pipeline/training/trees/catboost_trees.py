"""CatBoost behind the engine of trees.

CatBoost cannot go on with a model exactly where it was: its random choice of features
is not in a file. So every look's trees are a model of their own, which begins from the
running sums of all trees before it (its ``baseline``), with a seed that follows from
the recipe's and the number of trees before. The parts, summed, are the model.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Advance, ConfigError, DataError
from numerai_pipeline.models import (
    class_probabilities,
    expected_value,
    load_catboost,
    read_catboost,
    write_catboost,
)
from numerai_pipeline.training.trees.catboost_parameters import (
    has_gpu,
    label_of,
    refused,
    start_of,
    told_parameters,
)
from numerai_pipeline.training.trees.catboost_parts import (
    part_number,
    part_path,
    read_parts,
)
from numerai_pipeline.training.trees.catboost_pool import check_room, quantized_pool
from numerai_pipeline.training.trees.library import (
    Importance,
    TreeJob,
    Trees,
    Values,
)

_SEED_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class CatboostLibrary:
    """The library; see ``Library``."""

    packages: tuple[str, ...] = ("catboost",)

    def device(self, wanted: str) -> str:
        """Return ``cpu`` or ``cuda``; ``auto`` is ``cpu``; see ``Library``.

        On a GPU CatBoost cannot choose from a share of the features, as the recipes
        do, so one is used only where it is asked for.
        """
        load_catboost()
        if wanted != "cuda":
            return "cpu"
        if not has_gpu():
            raise ConfigError(
                "CatBoost finds no GPU here that it can train on. Install NVIDIA's "
                'driver, or set device = "cpu" in model.toml [training].'
            )
        return "cuda"

    def open(self, job: TreeJob) -> Trees:
        """Read the rows and return a model, with the trees of its parts."""
        parameters = told_parameters(job)
        check_room(job)
        label = label_of(job.train, job)
        start = start_of(label, job)
        read = partial(quantized_pool, scratch=job.cache.parent, progress=job.progress)
        pools = {"train": read(job.train, label), "valid": read(job.held_out, None)}
        trees = _CatboostTrees(job, parameters, pools, start)
        trees.resume()
        return trees

    def save(self, checkpoints: Path, n_trees: int, path: Path) -> None:
        """Sum the parts of a model; see ``Library``."""
        parts = [model for _, model in read_parts(checkpoints, n_trees)]
        write_catboost(load_catboost().sum_models(parts), path)

    def importance(self, path: Path, n_features: int) -> Importance:
        """Tell how much predictions change with a feature, in percent of all."""
        model = read_catboost(path, remedy="Train the model again.")
        gain = np.asarray(model.get_feature_importance(), np.float64)
        if len(gain) != n_features:
            raise DataError(f"{path} has {len(gain)} features, not {n_features}.")
        return Importance(gain, np.full(n_features, np.nan))


@dataclass
class _CatboostTrees:
    """The parts of a model, and their sums; see ``Trees``.

    Attributes:
        job: the job.
        parameters: what CatBoost is called with.
        pools: ``train`` and ``valid``, quantized.
        start: what the sums begin with: a number, or one a class.
    """

    job: TreeJob
    parameters: dict[str, Any]
    pools: dict[str, Any]
    start: Values
    _n_trees: int = 0
    _sums: dict[str, Values] = field(default_factory=dict)
    # Number of trees with the part -> the part, where it is not yet in a file.
    _new: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the sums."""
        for rows in (self.job.train, self.job.held_out):
            shape = (len(rows), *self.start.shape)
            self._sums[rows.split] = np.broadcast_to(self.start, shape).copy()

    def resume(self) -> None:
        """Take up the parts up to the checkpoint, and forget those behind it."""
        n_done, folder = self.job.n_done, self.job.checkpoints
        for path in folder.glob("trees-*.cbm"):
            if part_number(path) > n_done:
                path.unlink()  # of a look that never came to count
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
        """Add a part of ``n_trees`` trees; see ``Trees``.

        Always all of them: CatBoost does not tell that nothing is left to split.
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
        """Return the predictions of a split; see ``Trees``."""
        sums = self._sums[split]
        if self.job.is_classification:
            return expected_value(class_probabilities(sums))
        return sums.copy()

    def loss(self, split: str) -> float:
        """Return the loss of a split, whatever its weights; see ``Trees``."""
        rows = self.job.train if split == "train" else self.job.held_out
        label = label_of(rows, self.job)
        sums = self._sums[split]
        if not self.job.is_classification:
            return float(np.mean((sums - label) ** 2))
        of_label = class_probabilities(sums)[np.arange(len(label)), label]
        return float(-np.mean(np.log(of_label)))

    def checkpoint(self, n_trees: int) -> None:
        """Write the parts that are in no file yet; see ``Trees``."""
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
        seeds = np.random.SeedSequence(
            (int(self.parameters["random_seed"]) & _SEED_MASK, self._n_trees)
        )
        model = catboost.CatBoost(
            {
                **self.parameters,
                "iterations": n_trees,
                "random_seed": int(seeds.generate_state(1)[0]),
            }
        )
        ticker = _Ticker(advance)
        on_gpu = self.job.device == "cuda"
        try:
            # CatBoost calls nobody back from a GPU.
            model.fit(self.pools["train"], callbacks=None if on_gpu else [ticker])
        except catboost.CatBoostError as error:
            raise refused(error) from error
        if ticker.error is not None:
            raise ticker.error
        if on_gpu:
            advance(n_trees)
        return model


class _Ticker:
    """Tells of each tree; keeps what is raised there, which CatBoost would swallow."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self.error: BaseException | None = None

    def after_iteration(self, _info: Any) -> bool:
        """Tell of a tree, and whether to go on."""
        try:
            self._advance(1)
        except BaseException as error:  # noqa: BLE001 - a Ctrl-C, too; raised later
            self.error = error
        return self.error is None
