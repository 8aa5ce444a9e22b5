"""What every family of models can do, and what every trained model can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import DataError, Frozen, Positive, digest_of

# The values of the five classes of a target; the prediction is their mean, weighted
# by the probabilities.
CLASS_VALUES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])

NonNegative = Annotated[int, Field(ge=0)]

Engine = Literal["keras", "lightgbm", "xgboost", "catboost"]


class TrainingTable(Frozen):
    """``[training]``: what all families share, which is how the best epoch is found."""

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
        description="a smaller improvement does not renew the patience; "
        "the best epoch is the true best all the same",
    )
    window_eras: NonNegative = Field(
        default=0,
        description="rolling windows: one model per window of so many training eras, "
        "validated on the window after it; 0: one model of all eras",
    )
    window_step: NonNegative = Field(
        default=0, description="eras from window to window; 0: window_eras"
    )
    window_purge: NonNegative = Field(
        default=0,
        description="eras left out before a window's validation eras; never less than "
        "the target's horizon, 8 or 16, unless --allow-leak is given",
    )


@dataclass(frozen=True)
class Origin:
    """What an untrained model was made from; written into its file.

    Training compares it with the recipe, so that an edited recipe is followed and
    a file that somebody made by hand (which has no origin) is left as it is.

    Attributes:
        family: name of the family.
        n_features: width of the input.
        seed: decided the first weights.
        parameters: ``[parameters]`` with all defaults.
        source: digest of a user's own family; empty for ours.
    """

    family: str
    n_features: int
    seed: int
    parameters: Mapping[str, Any]
    source: str

    @classmethod
    def of(
        cls, kind: "Family", parameters: Frozen, *, n_features: int, seed: int
    ) -> "Origin":
        """Return the origin of what a family makes from these."""
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
        """Tell whether another origin, as read from a file, is this one."""
        return digest_of(self.to_dict()) == digest_of(dict(other))


class Predictor(Protocol):
    """A trained model."""

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predict a value a row, or one a row and model.

        Args:
            features: ``(rows, n_features)`` float32, as ``data.decode_features``
                returns them, in the order of the run's features.

        Returns:
            ``(rows,)`` float32, any scale: only the order within an era matters; or
            ``(rows, n)`` of n models, whose ranks within the era are to be averaged.
        """
        ...


class Family(Protocol):
    """A kind of model: its parameters, how it begins, how a trained one is loaded.

    An engine of ``training`` trains it; families of one engine share its table of
    training options.
    """

    @property
    def name(self) -> str:
        """The word in ``nai new`` and in the recipe."""
        ...

    @property
    def summary(self) -> str:
        """One line for ``nai zoo``."""
        ...

    @property
    def engine(self) -> Engine:
        """What trains it."""
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
        """Named sets of what differs from the defaults, as ``--set`` takes it."""
        ...

    @property
    def untrained_file(self) -> str:
        """Name of the untrained model's file in the model's folder."""
        ...

    @property
    def trained_suffix(self) -> str:
        """Ending of a trained model's file, with its dot."""
        ...

    @property
    def source(self) -> str:
        """Text of the file of a user's own family; empty for ours."""
        ...

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the model before training.

        Args:
            parameters: an instance of ``Parameters``.
            n_features: width of the input.
            seed: decides the first weights.
            path: the file to write, whole.
        """
        ...

    def origin_of(self, path: Path) -> Mapping[str, Any] | None:
        """Read what an untrained model was made from; None: made by hand.

        Raises:
            DataError: if the file is broken.
        """
        ...

    def load(self, path: Path) -> Predictor:
        """Load a trained model from its file alone.

        Models of the same file name in folders beside it, of other targets or of
        other windows of eras, predict with it, each in its own columns. It may be
        missing if there are such.

        Raises:
            DataError: if the file is missing or broken.
        """
        ...


def load_models(path: Path, load: Callable[[Path], Predictor]) -> Predictor:
    """Load a trained model together with those in folders beside it.

    Args:
        path: the model's file; the others have its name.
        load: loads one of them.

    Raises:
        DataError: if there is none of them, or one is broken.
    """
    own = [path] if path.is_file() else []
    found = [*own, *sorted(path.parent.glob(f"*/{path.name}"))]
    if not found:
        raise DataError(f"{path} does not exist. Train the model again.")
    models = [load(one) for one in found]
    return models[0] if len(models) == 1 else _Together(models)


@dataclass(frozen=True)
class _Together:
    """Several models, which predict beside each other."""

    models: Sequence[Predictor]

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.column_stack([model.predict(features) for model in self.models])
