"""The protocols of a model family and of a trained model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import (
    DataError,
    Frozen,
    Positive,
    digest_of,
    read_json,
    retrain,
)

if TYPE_CHECKING:
    from numerai_pipeline.models.recipe import Recipe

# The values of the five classes of a target; the prediction is their mean, weighted
# by the probabilities.
CLASS_VALUES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])

# Of an untrained model's file that is broken.
REBUILD = "Delete it; the next `nai train` builds it from the recipe."

NonNegative = Annotated[int, Field(ge=0)]

Engine = Literal["keras", "lightgbm", "xgboost", "catboost", "ridge", "estimator"]


class TrainingTable(Frozen):
    """``[training]``: the options of all families: how the best epoch is chosen."""

    monitor: Literal["val_loss", "val_corr"] = Field(
        default="val_loss",
        description="the best epoch has the lowest val_loss, or the highest val_corr "
        "(mean CORR per validation era), which is noisier",
    )
    patience: Positive = Field(
        default=5, description="epochs without improvement before training stops"
    )
    threshold: float = Field(
        default=0.0,
        ge=0.0,
        description="a smaller improvement does not reset the patience; "
        "the best epoch is still the true best",
    )
    window_eras: NonNegative = Field(
        default=0,
        description="rolling windows: one model per window of this many training "
        "eras, validated on the next window; 0: one model on all eras",
    )
    window_step: NonNegative = Field(
        default=0, description="eras between the starts of two windows; 0: window_eras"
    )
    window_purge: NonNegative = Field(
        default=0,
        description="eras left out before a window's validation eras; never less than "
        "the target's horizon, 8 or 16, unless --allow-leak is given",
    )


@dataclass(frozen=True)
class UntrainedSpec:
    """What an untrained model was made from; written into its file as ``origin``.

    Training compares it with the recipe: after an edit of the recipe the file is
    rebuilt. A file made by hand has no spec and is used as it is.

    Attributes:
        family: name of the family.
        n_features: width of the input.
        seed: seed of the initial weights.
        parameters: ``[parameters]`` with all defaults.
        source: digest of a user's own family; empty for a built-in one.
    """

    family: str
    n_features: int
    seed: int
    parameters: Mapping[str, Any]
    source: str

    @classmethod
    def of(
        cls, kind: "Family", parameters: Frozen, *, n_features: int, seed: int
    ) -> "UntrainedSpec":
        """Return the spec of the model that a family makes from these."""
        return cls(
            family=kind.name,
            n_features=n_features,
            seed=seed,
            parameters=parameters.model_dump(mode="json"),
            source=digest_of(kind.source) if kind.source else "",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    def is_same(self, other: Mapping[str, Any]) -> bool:
        """Return whether a spec that was read from a file equals this one."""
        return digest_of(self.to_dict()) == digest_of(dict(other))


class Predictor(Protocol):
    """A trained model."""

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predict one value per row, or one per row and model.

        Args:
            features: ``(rows, n_features)`` float32, as ``data.decode_features``
                returns them, in the order of the run's features.

        Returns:
            ``(rows,)`` float32, any scale: only the order within an era matters; or
            ``(rows, n)`` of n models, whose ranks within the era are to be averaged.
        """
        ...


class Family(Protocol):
    """A kind of model: its parameters, its untrained file, how a trained one is loaded.

    An engine of ``training`` trains it; the families of an engine share its table
    ``[training]``.
    """

    @property
    def name(self) -> str:
        """Its name in ``nai new`` and in the recipe."""
        ...

    @property
    def summary(self) -> str:
        """One line for ``nai zoo``."""
        ...

    @property
    def engine(self) -> Engine:
        """The engine that trains it."""
        ...

    @property
    def Parameters(self) -> type[Frozen]:
        """The table ``[parameters]`` of the recipe, every default with its reason."""
        ...

    @property
    def Training(self) -> type[TrainingTable]:
        """The table ``[training]`` of the recipe, every default with its reason."""
        ...

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Named sets of values other than the defaults, with the keys of ``--set``."""
        ...

    @property
    def untrained_file(self) -> str:
        """Name of the untrained model's file in the model's folder."""
        ...

    @property
    def trained_suffix(self) -> str:
        """Suffix of a trained model's file, with its dot."""
        ...

    @property
    def source(self) -> str:
        """Text of the file of a user's own family; empty for a built-in one."""
        ...

    @property
    def learns_jointly(self) -> bool:
        """Whether one model learns all targets; otherwise there is one per target."""
        ...

    def learns_classes(self, parameters: Frozen, /) -> bool:
        """Return whether it learns the five classes of a target, not its values."""
        ...

    def check(self, recipe: "Recipe", parameters: Frozen, /) -> None:
        """Refuse keys of a recipe that are valid by themselves, but not together.

        Args:
            recipe: as it was written.
            parameters: its ``[parameters]``, an instance of ``Parameters``.

        Raises:
            ConfigError: if the family cannot do what they say together.
        """
        ...

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the model before training.

        Args:
            parameters: an instance of ``Parameters``.
            n_features: width of the input.
            seed: seed of the initial weights.
            path: the file to write, whole.
        """
        ...

    def spec_of(self, path: Path) -> Mapping[str, Any] | None:
        """Return the spec of an untrained model; None if it was made by hand.

        Raises:
            DataError: if the file is broken.
        """
        ...

    def load(self, path: Path) -> Predictor:
        """Load a trained model from its file alone.

        Models with the same file name in the folders beside it (of other targets or
        other windows of eras) predict with it, each in its own columns; the file itself
        may then be missing.

        Raises:
            DataError: if the file is missing or broken.
        """
        ...


def read_untrained(path: Path, needs: str) -> Mapping[str, Any]:
    """Read an untrained model that is a JSON file.

    Args:
        path: the file.
        needs: a key that it must have.

    Raises:
        DataError: if the file is missing or broken, or has no such key.
    """
    untrained = read_json(path, remedy=REBUILD)
    if not isinstance(untrained, dict) or needs not in untrained:
        raise DataError(f"{path} has no '{needs}'. {REBUILD}")
    return untrained


def load_models(path: Path, load: Callable[[Path], Predictor]) -> Predictor:
    """Load a trained model together with those in folders beside it.

    Args:
        path: the model's file; the others have its name.
        load: loads one of them.

    Raises:
        DataError: if no file exists, or one is broken.
    """
    own = [path] if path.is_file() else []
    found = [*own, *sorted(path.parent.glob(f"*/{path.name}"))]
    if not found:
        raise DataError(f"{path} does not exist. {retrain(path)}")
    models = [load(one) for one in found]
    return models[0] if len(models) == 1 else _Together(models)


@dataclass(frozen=True)
class _Together:
    """Several models, each with columns of its own."""

    models: Sequence[Predictor]

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.column_stack([model.predict(features) for model in self.models])
