"""The LightGBM backend.

The booster lives as long as the training. A new one starts from the running sums of
all trees so far (its ``init_score``) when a training is resumed, when the weights
change, and at every evaluation of a classification, whose sums LightGBM does not
expose. The draws of features are seeded after every evaluation, from the recipe's seed
and the number of trees, so that a resumed training draws the same. The draws of rows
for bagging cannot be reseeded while the booster lives: with bagging, a resumed training
continues from the last checkpoint with other draws.
"""

import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import lightgbm
import numpy as np
import numpy.typing as npt
from lightgbm.basic import _safe_call
from lightgbm.libpath import _LIB

from numerai_pipeline.core import (
    Advance,
    ConfigError,
    DataError,
    atomic_path,
    retrain,
    show_bytes,
    write_text,
)
from numerai_pipeline.models import CLASS_VALUES
from numerai_pipeline.models.trees import LIGHTGBM_LOGGER, expected_value, load_lightgbm
from numerai_pipeline.training.trees.backend import (
    SPLITS,
    GrowingModel,
    Importance,
    Split,
    TreeJob,
    Values,
    refused,
    sample_rows,
    seed_at,
)
from numerai_pipeline.training.trees.lightgbm.rows import (
    bins_bytes,
    group_size,
    load_sets,
    without_stderr,
)

_N_CLASSES = len(CLASS_VALUES)

# Histograms of a leaf have per bin a sum of gradients and one of hessians, as float64.
_HISTOGRAM_BYTES = 2 * 8 * 8

_PARAMETERS = "\nparameters:\n"

# How LightGBM warns of parameters that it ignores.
_IGNORED = re.compile(r"Unknown parameter: |will be ignored")

# Where in LightGBM's source an error was found.
_AT_SOURCE = re.compile(r" at \S+, line \d+ *\.?\s*$")

# Parameters that must keep their value: name -> value, and why.
_FIXED = {
    "boosting": ("gbdt", "checkpoints need trees that later ones do not change"),
    "early_stopping_round": ("0", "'patience' in [training] stops a training"),
    "linear_tree": ("0", "it needs the features as numbers, which are not kept"),
    "num_iterations": ("100", "set 'n_estimators' in [parameters]"),
}

# Each restarts its random generator when its value changes.
_SEEDS = ("feature_fraction_seed", "extra_seed", "bagging_seed")

# Python, numpy, LightGBM and the reader, before any data.
_PROCESS_BYTES = 200 << 20


@dataclass(frozen=True)
class LightgbmBackend:
    """The library; see ``TreeBackend``."""

    packages: tuple[str, ...] = ("lightgbm",)

    def device(self, wanted: str) -> str:
        """Return ``cpu`` or ``cuda``; see ``TreeBackend``."""
        if wanted == "cpu" or (wanted == "auto" and not shutil.which("nvidia-smi")):
            return "cpu"
        try:
            with without_stderr():
                _grow_a_tree_on("cuda")
        except lightgbm.basic.LightGBMError as error:
            if wanted == "auto":
                return "cpu"
            reason = str(error).splitlines()[0].rstrip(".")
            raise ConfigError(
                f"this LightGBM cannot train on a GPU ({reason}). Install a build for "
                "CUDA (pip install lightgbm --no-binary lightgbm "
                '--config-settings=cmake.define.USE_CUDA=ON), or set device = "cpu" '
                "in model.toml [training]."
            ) from None
        return "cuda"

    def open(self, job: TreeJob) -> GrowingModel:
        """Bin the rows and return a booster; see ``TreeBackend``."""
        load_lightgbm()
        parameters = _parameters(job)
        found = _check_parameters(parameters, job)
        _check_memory(job, parameters)
        sets = load_sets(job, parameters)
        for split, rows in job.rows.items():
            sets[split].set_label(job.labels(rows))
        trees = _LightgbmModel(job, parameters, sets)
        if job.n_done:
            trees.resume()
            if _draws_rows(found):
                job.progress.note(
                    f"LightGBM cannot restore its draws of rows: trees after "
                    f"{job.n_done:,} differ from those of an uninterrupted training"
                )
        return trees

    def save(self, checkpoints: Path, n_trees: int, path: Path) -> None:
        """Join the parts of a model; see ``TreeBackend``."""
        texts = _parts(checkpoints, n_trees)
        boosters = [lightgbm.Booster(model_str=text) for text in texts]
        whole = _joined(boosters).model_to_string()
        # The parameters follow the trees: take those of the first part, which has the
        # recipe's seed.
        first = texts[0]
        trees = whole[: whole.index(_PARAMETERS)]
        write_text(path, trees + first[first.index(_PARAMETERS) :])

    def importance(self, path: Path, n_features: int) -> Importance:
        """Read the importance of features; see ``TreeBackend``."""
        booster = lightgbm.Booster(model_file=str(path))
        gain, split = (
            np.asarray(booster.feature_importance(kind), np.float64)
            for kind in ("gain", "split")
        )
        if len(gain) != n_features:
            raise DataError(f"{path} has {len(gain)} features, not {n_features}.")
        return Importance(gain, split)


@dataclass
class _LightgbmModel:
    """A booster over its rows; see ``GrowingModel``."""

    job: TreeJob
    parameters: Mapping[str, Any]
    sets: Mapping[Split, Any]
    _booster: Any = None
    _weights: npt.NDArray[np.float32] | None = None
    # Number of trees when the booster was started, and when it was last saved.
    _n_before: int = 0
    _n_saved: int = 0
    _n_trees: int = 0
    _raw: dict[Split, Values] = field(default_factory=dict)

    def resume(self) -> None:
        """Restore the state of the checkpoint."""
        path = _state_path(self.job.checkpoints, self.job.n_done)
        try:
            with path.open("rb") as file, np.load(file) as state:
                self._raw = {split: state[split] for split in SPLITS}
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{path} is not a whole checkpoint ({error}). {retrain(path)}"
            ) from error
        self._n_trees = self._n_saved = self._n_before = self.job.n_done
        for part in self.job.checkpoints.glob("trees-*.txt"):
            if _number(part) > self.job.n_done:
                part.unlink()  # of an evaluation that was not recorded
        _parts(self.job.checkpoints, self.job.n_done)

    def grow(
        self,
        n_trees: int,
        weights: npt.NDArray[np.float32] | None,
        advance: Advance,
    ) -> int:
        """Add trees; see ``GrowingModel``."""
        is_same = weights is self._weights or (
            weights is not None
            and self._weights is not None
            and np.array_equal(weights, self._weights)
        )
        if self._booster is None or not is_same or self.job.is_classification:
            self._start(weights)
        if self._n_trees:
            seed = int(self.parameters["feature_fraction_seed"])
            seeds = dict.fromkeys(_SEEDS, seed_at(seed, self._n_trees))
            self._booster.reset_parameter(seeds)
        for number in range(n_trees):
            is_finished = self._booster.update()
            if is_finished and self._n_trees:
                return number
            self._n_trees += 1  # a first tree without a split counts too
            advance(1)
            if is_finished:
                return 1
        return n_trees

    def predictions(self, split: Split) -> Values:
        """Return the predictions of a split; see ``GrowingModel``."""
        return expected_value(self._outputs(split))

    def loss(self, split: Split) -> float:
        """Return the loss of a split; see ``GrowingModel``."""
        return self._evaluated(split)[1]

    def checkpoint(self, n_trees: int) -> None:
        """Write the newest trees and the running sums; see ``GrowingModel``."""
        folder = self.job.checkpoints
        text = self._booster.model_to_string(
            start_iteration=self._n_saved - self._n_before,
            num_iteration=n_trees - self._n_saved,
        )
        write_text(_part_path(folder, n_trees), text)
        sums: dict[str, Any] = {split: self._sums(split) for split in self.sets}
        with (
            atomic_path(_state_path(folder, n_trees)) as partial,
            partial.open("wb") as file,  # to a name numpy would add `.npz`
        ):
            np.savez(file, **sums)
        older = _state_path(folder, self._n_saved)
        self._n_saved = n_trees
        for path in folder.glob("state-*.npz"):
            if _number(path) < _number(older):
                path.unlink()

    def _start(self, weights: npt.NDArray[np.float32] | None) -> None:
        """Start a booster that continues from all trees so far."""
        if self._booster is not None:
            self._raw = {split: self._sums(split) for split in self.sets}
        self._booster = None  # free its memory before the next one
        self._n_before = self._n_trees
        train, validation = self.sets["train"], self.sets["validation"]
        train.set_weight(weights)
        for split, dataset in self.sets.items():
            if split in self._raw:
                dataset.set_init_score(self._raw[split].ravel(order="F"))
        try:
            self._booster = lightgbm.Booster(dict(self.parameters), train)
        except lightgbm.basic.LightGBMError as error:
            raise refused("LightGBM", _AT_SOURCE.sub("", str(error))) from error
        self._booster.add_valid(validation, "validation")
        self._weights = weights

    def _outputs(self, split: Split) -> Values:
        """Return what LightGBM predicts: values, or ``(rows, 5)`` probabilities."""
        if self._booster is None:  # resumed, and no tree grown yet
            raw = self._raw[split]
            return np.exp(raw) if self.job.is_classification else raw
        return self._evaluated(split)[0]

    def _evaluated(self, split: Split) -> tuple[Values, float]:
        """Return what LightGBM predicts for a split, and the loss."""
        found: list[Values] = []

        def keep(outputs: Values, _rows: Any) -> tuple[str, float, bool]:
            found.append(outputs.copy())
            return "kept", 0.0, True

        booster = self._booster
        evaluated = (
            booster.eval_train(keep) if split == "train" else booster.eval_valid(keep)
        )
        return found[0], float(evaluated[0][2])

    def _sums(self, split: Split) -> Values:
        """Return the running sums; from probabilities, up to a constant per row."""
        outputs = self._outputs(split)
        return np.log(outputs) if self.job.is_classification else outputs


def _parameters(job: TreeJob) -> dict[str, Any]:
    """Return what LightGBM is called with; features are named by their indices."""
    parameters = job.parameters()
    monotone, interaction = job.monotone(), job.interaction()
    if monotone:
        places = range(len(job.train.features))
        parameters["monotone_constraints"] = [monotone.get(at, 0) for at in places]
    if interaction:
        parameters["interaction_constraints"] = interaction
    parameters.setdefault("feature_fraction_seed", parameters.get("seed", 1))
    parameters["device_type"] = job.device
    return parameters


def _check_memory(job: TreeJob, parameters: Mapping[str, Any]) -> None:
    n_features = len(job.train.features)
    n_rows = len(job.train) + len(job.validation)
    bins = sum(bins_bytes(len(rows), n_features) for rows in job.rows.values())
    n_loaded = len(job.train)
    if job.shared_eras:
        n_loaded = job.train.reader.n_rows(None, job.shared_eras)
    group = 2 * bins_bytes(n_loaded, min(group_size(n_loaded), n_features))
    leaves = int(parameters.get("num_leaves", 31)) * n_features * _HISTOGRAM_BYTES
    n_scores = _N_CLASSES if job.is_classification else 1
    needed = _PROCESS_BYTES + bins + group + leaves + n_rows * 32 * n_scores
    job.progress.note(
        f"LightGBM: {n_rows:,} rows of {n_features:,} features at half a byte per "
        f"value, about {show_bytes(needed)} of memory."
    )
    if needed > job.max_ram_bytes:
        raise ConfigError(
            f"LightGBM would need about {show_bytes(needed)} of memory for {n_rows:,} "
            f"rows of {n_features:,} features, but may use only "
            f"{show_bytes(job.max_ram_bytes)}. Raise --max-ram, choose fewer eras (nai "
            "etl --eras-subset) or a smaller feature_set."
        )


def _check_parameters(parameters: Mapping[str, Any], job: TreeJob) -> dict[str, str]:
    """Return all parameters of LightGBM as it understands them: name -> value.

    Raises:
        ConfigError: if it does not know one, ignores one, refuses a value, or if a
            value is incompatible with checkpoints.
    """
    features, labels = sample_rows(job)
    # It warns of unknown parameters only with a verbosity of 0 or more.
    verbose = {**parameters, "verbosity": 0}
    try:
        with without_stderr(), _warnings() as warnings:
            data = lightgbm.Dataset(features, labels, params=verbose)
            text = lightgbm.Booster(verbose, data).model_to_string()
    except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
        raise refused("LightGBM", _AT_SOURCE.sub("", str(error))) from error
    for warning in warnings:
        if _IGNORED.search(warning):
            raise refused("LightGBM", warning.partition("[Warning] ")[2])
    found = dict(re.findall(r"^\[(\w+): (.*)\]$", text, re.MULTILINE))
    for name, (value, reason) in _FIXED.items():
        if found.get(name, value) != value:
            raise refused("LightGBM", f"{name} = {found[name]}: {reason}")
    return found


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what LightGBM logs."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(LIGHTGBM_LOGGER)
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


def _draws_rows(found: Mapping[str, str]) -> bool:
    """Return whether trees depend on draws that cannot be reseeded."""
    fractions = ("bagging_fraction", "pos_bagging_fraction", "neg_bagging_fraction")
    is_bagged = int(found.get("bagging_freq", 0)) > 0 and any(
        float(found.get(name, 1)) < 1 for name in fractions
    )
    return (
        is_bagged
        or found.get("data_sample_strategy") == "goss"
        or found.get("use_quantized_grad") == "1"
    )


def _joined(boosters: list[Any]) -> Any:
    """Return a booster with the trees of all, in order."""
    while len(boosters) > 1:  # in pairs: joining copies the trees
        boosters = [
            reduce(_join, boosters[place : place + 2])
            for place in range(0, len(boosters), 2)
        ]
    return boosters[0]


def _join(first: Any, second: Any) -> Any:
    _safe_call(_LIB.LGBM_BoosterMerge(second._handle, first._handle))
    # A booster knows the joined trees only after it was written and read.
    return lightgbm.Booster(model_str=second.model_to_string())


def _parts(checkpoints: Path, n_trees: int) -> list[str]:
    """Return the texts of the parts that make up the first trees.

    Raises:
        DataError: if a part is missing or not whole.
    """
    texts, end = [], 0
    for path in sorted(checkpoints.glob("trees-*.txt")):
        if _number(path) > n_trees:
            break
        text = path.read_text(encoding="utf-8", errors="replace")
        n_iterations = text.count("\nTree=") // _trees_per_iteration(text)
        if not text.endswith("pandas_categorical:null\n") or (
            end + n_iterations != _number(path)
        ):
            raise DataError(f"{path} is not whole. {retrain(checkpoints)}")
        texts.append(text)
        end += n_iterations
    if end != n_trees:
        gone = _part_path(checkpoints, n_trees)
        raise DataError(f"{gone} does not exist. {retrain(checkpoints)}")
    return texts


def _trees_per_iteration(text: str) -> int:
    match = re.search(r"^num_tree_per_iteration=(\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else 1


def _part_path(checkpoints: Path, n_trees: int) -> Path:
    return checkpoints / f"trees-{n_trees:06d}.txt"


def _state_path(checkpoints: Path, n_trees: int) -> Path:
    return checkpoints / f"state-{n_trees:06d}.npz"


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def _grow_a_tree_on(device: str) -> None:
    source = np.random.default_rng(1)
    x, y = source.normal(size=(64, 2)), source.normal(size=64)
    parameters = {"device_type": device, "verbosity": -1, "min_data_in_leaf": 1}
    lightgbm.train(parameters, lightgbm.Dataset(x, y), num_boost_round=1)
