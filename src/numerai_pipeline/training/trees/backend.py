"""The interface between the engine of trees and the three libraries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    Advance,
    ConfigError,
    Progress,
    columns,
    digest_of,
)
from numerai_pipeline.data import Block, Part, ShardReader
from numerai_pipeline.models import CLASS_VALUES
from numerai_pipeline.training.labels import Labels

Values = npt.NDArray[np.float64]

# What rows are for.
Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = get_args(Split)

# Rows that are prepared once, of which the folds of a backtest take theirs.
SHARED = "shared"

# Every library accepts seeds of 31 bits.
_SEED_MASK = 0x7FFF_FFFF

# Steps between the five classes.
N_STEPS = len(CLASS_VALUES) - 1


@dataclass(frozen=True)
class TreeRows:
    """The rows of a part of a fold that have the target, in the order of the shards.

    Attributes:
        reader: the shards.
        split: what they are for: ``train`` or ``validation``, or ``SHARED``.
        part: which rows of the shards they are.
        features: names of the features, in order.
        target: name of the target; empty: the rows without a target too.
        missing: value of a missing feature; NaN leaves it to the library.
        labels: targets and eras of the rows.
    """

    reader: ShardReader
    split: str
    part: Part
    features: tuple[str, ...]
    target: str
    missing: float
    labels: Labels

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels.values)

    def shared(self, eras: tuple[int, ...]) -> "TreeRows":
        """Return all rows of some eras, with any target or none."""
        n_rows = self.reader.n_rows(None, eras)
        unknown = Labels(
            np.full(n_rows, np.nan, np.float32), np.zeros(n_rows, np.int16)
        )
        return replace(self, split=SHARED, part=Part(eras), target="", labels=unknown)

    def places_in(self, shared: "TreeRows") -> npt.NDArray[np.int32]:
        """Return ``(rows,)`` which of the shared rows these are."""
        eras = set(self.part.eras)
        blocks = self._blocks_of(shared.part, features=())
        return np.flatnonzero(
            np.concatenate(
                [self._has_target(block) & (block.eras[0] in eras) for block in blocks]
            )
        ).astype(np.int32)

    @cached_property
    def known_values(self) -> tuple[float, ...]:
        """The values that a feature can have, ascending, NaN last."""
        values = {0.0, 1.0, 2.0, 3.0, 4.0}
        if not np.isnan(self.missing):
            return tuple(sorted(values | {float(self.missing)}))
        return (*sorted(values), float("nan"))

    @property
    def values_of_codes(self) -> npt.NDArray[np.float32]:
        """``(6,)`` float32: the value that a model sees for each code."""
        values = np.arange(columns.MISSING_CODE + 1, dtype=np.float32)
        values[columns.MISSING_CODE] = self.missing
        return values

    @cached_property
    def key(self) -> str:
        """Digest of everything that determines the features of the rows."""
        has_target = [
            np.packbits(self._has_target(block)).tobytes().hex()
            for block in self._blocks_of(self.part, features=())
            if self.target
        ]
        return digest_of(
            [
                self.reader.manifest.fingerprint,
                self.part.split,
                self.part.eras,
                self.features,
                str(self.missing),
                digest_of(has_target),
            ]
        )

    def blocks(self, *, rows_per_block: int) -> Iterator[npt.NDArray[np.uint8]]:
        """Read the codes of the features.

        Args:
            rows_per_block: rows per block; the last one has the rest.

        Yields:
            ``(rows, F)`` uint8 in 0..5, valid until the next block is requested.
        """
        held = np.empty((rows_per_block, len(self.features)), np.uint8)
        n_held = 0
        for block in self._blocks_of(self.part, self.features):
            codes = block.x[self._has_target(block)]
            while len(codes):
                some = codes[: rows_per_block - n_held]
                held[n_held : n_held + len(some)] = some
                n_held += len(some)
                codes = codes[len(some) :]
                if n_held == rows_per_block:
                    yield held
                    n_held = 0
        if n_held:
            yield held[:n_held]

    def _blocks_of(self, part: Part, features: Sequence[str]) -> Iterator[Block]:
        targets = (self.target,) if self.target else ()
        return self.reader.blocks(
            part.split, eras=part.eras, features=features, targets=targets
        )

    def _has_target(self, block: Block) -> npt.NDArray[np.bool_]:
        """Return ``(rows,)`` which rows of a block are among these."""
        return np.asarray(~np.isnan(block.y).any(axis=1))


@dataclass(frozen=True)
class TreeJob:
    """What a library is asked to grow.

    Attributes:
        train: rows to learn from.
        validation: rows to evaluate on.
        booster: the library's own parameters, from the untrained model.
        is_classification: whether five classes are learned.
        device: what ``TreeBackend.device`` returned.
        cache: folder beside the shards for binned data; the library sweeps it.
        shared_eras: eras of a backtest that its folds may prepare together; empty:
            there is no other fold.
        checkpoints: folder of the run for what a resumed training needs.
        n_done: trees in the checkpoint to resume from; 0: start without one.
        max_ram_bytes: memory that the process may use.
        progress: where to report.
    """

    train: TreeRows
    validation: TreeRows
    booster: Mapping[str, Any]
    is_classification: bool
    device: str
    cache: Path
    shared_eras: tuple[int, ...]
    checkpoints: Path
    n_done: int
    max_ram_bytes: int
    progress: Progress

    @property
    def rows(self) -> dict[Split, TreeRows]:
        """The rows by what they are for."""
        return {"train": self.train, "validation": self.validation}

    def monotone(self) -> dict[int, int]:
        """Return the monotone constraints, -1 or 1, by the feature's index.

        Raises:
            ConfigError: if the model has no such feature.
        """
        named: Mapping[str, int] = self.booster.get("monotone", {})
        return dict(zip(self._places(list(named)), named.values(), strict=True))

    def interaction(self) -> list[list[int]]:
        """Return groups of features, as indices, that may share a branch.

        Raises:
            ConfigError: if the model has no such feature.
        """
        groups: Sequence[Sequence[str]] = self.booster.get("interaction", ())
        return [self._places(names) for names in groups]

    def parameters(self) -> dict[str, Any]:
        """Return the library's parameters without those that name features."""
        named = ("monotone", "interaction")
        return {key: self.booster[key] for key in self.booster if key not in named}

    def labels(self, rows: TreeRows) -> npt.NDArray[np.float32]:
        """Return ``(rows,)`` targets, or classes 0..4."""
        values = rows.labels.values
        return np.rint(values * N_STEPS) if self.is_classification else values

    def _places(self, names: Sequence[str]) -> list[int]:
        place = {name: index for index, name in enumerate(self.train.features)}
        for name in names:
            if name not in place:
                raise ConfigError(
                    f"model.toml [parameters] names the feature '{name}', which is "
                    "not in the model's feature set. Correct it, or choose another "
                    "feature_set."
                )
        return [place[name] for name in names]


def seed_at(seed: int, n_trees: int) -> int:
    """Return the seed of the trees grown after ``n_trees``; 0: the recipe's.

    >>> seed_at(7, 0), seed_at(7, 50) == seed_at(7, 51)
    (7, False)
    """
    if n_trees == 0:
        return seed & _SEED_MASK
    state = np.random.SeedSequence((seed & _SEED_MASK, n_trees)).generate_state(1)
    return int(state[0]) & _SEED_MASK


def sample_rows(job: TreeJob) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any]]:
    """Return a few rows of noise, ``(10, F)`` and ``(10,)``, to test parameters on."""
    n_rows = 2 * len(CLASS_VALUES)
    source = np.random.default_rng(1)
    features = source.integers(0, len(CLASS_VALUES), (n_rows, len(job.train.features)))
    labels = np.arange(n_rows) % len(CLASS_VALUES)
    return features.astype(np.float32), labels


def refused(library: str, reason: str) -> ConfigError:
    """Return the error about parameters that a library refuses."""
    return ConfigError(
        f"{library} refuses the parameters ({reason.strip().rstrip('.')}). Correct "
        "[parameters] in model.toml."
    )


@dataclass(frozen=True)
class Importance:
    """How much each feature matters, in the order of the features.

    Attributes:
        gain: ``(F,)`` float64, sum of the gains of its splits.
        split: ``(F,)`` float64, number of its splits; NaN where the library does not
            report it.
    """

    gain: Values
    split: Values


class GrowingModel(Protocol):
    """A growing model and its data sets.

    The same job with the same weights grows the same trees, whether or not it was
    closed and reopened at a checkpoint in between.
    """

    def grow(
        self,
        n_trees: int,
        weights: npt.NDArray[np.float32] | None,
        advance: Advance,
    ) -> int:
        """Add the trees between two evaluations.

        Args:
            n_trees: how many.
            weights: ``(rows,)`` of the training rows; None: all equal. They may
                differ from those of the previous call.
            advance: called with the number of trees grown since its last call.

        Returns:
            How many were added; fewer if no split improves the loss.
        """
        ...

    def predictions(self, split: Split) -> Values:
        """Return ``(rows,)`` predictions of all trees for the rows of a split.

        Classification gives the expected value of the classes.
        """
        ...

    def loss(self, split: Split) -> float:
        """Return the loss that is minimized: mean squared error or cross entropy."""
        ...

    def checkpoint(self, n_trees: int) -> None:
        """Write what opening with ``n_done = n_trees`` needs, atomically."""
        ...


class TreeBackend(Protocol):
    """LightGBM, XGBoost or CatBoost."""

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages whose versions a run records."""
        ...

    def device(self, wanted: str) -> str:
        """Return what trees are grown on, ``cpu`` or ``cuda``.

        Args:
            wanted: ``auto``, ``cpu`` or ``cuda``.

        Raises:
            ConfigError: if ``cuda`` is wanted and missing; it says what to do.
        """
        ...

    def open(self, job: TreeJob) -> GrowingModel:
        """Read the data and return a model, empty or from its checkpoint.

        Raises:
            ConfigError: if the memory is too small, or a parameter is refused.
            DataError: if a checkpoint or the shards are broken.
        """
        ...

    def save(self, checkpoints: Path, n_trees: int, path: Path) -> None:
        """Write the model of the first trees in the library's own format, atomically.

        Args:
            checkpoints: folder that ``GrowingModel.checkpoint`` wrote to.
            n_trees: how many trees; a checkpoint was written at this number.
            path: the file.

        Raises:
            DataError: if a checkpoint is missing or broken; the file is named.
        """
        ...

    def importance(self, path: Path, n_features: int) -> Importance:
        """Return how much each feature matters in a saved model."""
        ...
