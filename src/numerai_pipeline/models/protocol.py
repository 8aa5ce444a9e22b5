"""What every family of models can do, and what every trained model can do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import Frozen, Positive, digest_of

Engine = Literal["keras", "lightgbm", "xgboost", "catboost"]


class TrainingTable(Frozen):
    """``[training]``: what all families share, which is how the best epoch is found."""

    monitor: Literal["val_loss", "val_corr"] = Field(
        default="val_loss",
        description="the best epoch has the lowest val_loss, or the highest val_corr "
        "(mean CORR of the held-out eras), which is noisier",
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


@dataclass(frozen=True)
class Origin:
    """What an untrained model was made from; written into its file.

    Training compares it with the recipe, so that an edited recipe is followed and
    a file that somebody made by hand (which has no origin) is left as it is.
    """

    family: str
    n_features: int
    seed: int
    parameters: Mapping[str, Any]

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

        Raises:
            DataError: if the file is missing or broken.
        """
        ...
