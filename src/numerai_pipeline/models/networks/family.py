"""What all Keras families share: training options, files, prediction.

A family of networks is a ``KerasFamily`` with its own table of parameters and a
function that builds the network from them.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from numerai_pipeline.core import (
    DataError,
    Frozen,
    Positive,
    PositiveFloat,
    atomic_path,
)
from numerai_pipeline.models.networks.quiet_keras import load_keras
from numerai_pipeline.models.protocol import Engine, Origin, Predictor, TrainingTable

# A `.keras` file is a zip; this member is ours, Keras passes it over.
_ORIGIN_MEMBER = "origin.json"

# Rows that a network sees at once in prediction: 45 MB at 2,748 features.
_PREDICT_ROWS = 4_096


class KerasTraining(TrainingTable):
    """``[training]`` of every Keras family."""

    epochs: Positive = Field(
        default=30, description="at most; early stopping usually ends it before"
    )
    batch_rows: Positive = Field(
        default=1_024, description="rows a step; fewer learn more in an epoch, slower"
    )
    loss: Literal["mse", "mae", "huber"] = Field(
        default="mse", description="mse makes it predict the mean of the target"
    )
    learning_rate: PositiveFloat = Field(
        default=1e-3, description="of AdamW; its common default"
    )
    weight_decay: float = Field(
        default=1e-2, ge=0.0, description="of AdamW; the signal is weak, so shrink"
    )
    clip_norm: PositiveFloat = Field(
        default=1.0, description="longer gradients are cut: one odd batch does no harm"
    )


@dataclass(frozen=True)
class KerasFamily:
    """A family of networks.

    Attributes:
        name: the word in the recipe.
        summary: one line for ``nai zoo``.
        Parameters: the table ``[parameters]``.
        build: makes the network from parameters and the number of features. Input:
            ``(batch, n_features)`` float32, codes 0..4 and the recipe's value for
            missing ones; output: ``(batch, 1)``.
        Training: the table ``[training]``.
        presets: name -> parameters and ``training.`` options that differ from the
            defaults.
    """

    name: str
    summary: str
    Parameters: type[Frozen]
    build: Callable[[Any, int], Any]
    Training: type[KerasTraining] = KerasTraining
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    engine: Engine = "keras"
    untrained_file: str = "untrained.keras"
    trained_suffix: str = ".keras"

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the network with its first weights; see ``Family``."""
        load_keras().utils.set_random_seed(seed)
        model = self.build(parameters, n_features)
        origin = Origin(self.name, n_features, seed, parameters.model_dump(mode="json"))
        save_network(model, path, origin)

    def origin_of(self, path: Path) -> Mapping[str, Any] | None:
        """Read what the network was made from; see ``Family``."""
        try:
            with zipfile.ZipFile(path) as archive:
                if _ORIGIN_MEMBER not in archive.namelist():
                    return None
                origin: dict[str, Any] = json.loads(archive.read(_ORIGIN_MEMBER))
                return origin
        except (zipfile.BadZipFile, json.JSONDecodeError, OSError) as error:
            raise _broken(path, error) from error

    def load(self, path: Path) -> Predictor:
        """Load a trained network for prediction; see ``Family``."""
        return _KerasPredictor(load_network(path))


def load_network(path: Path, *, compiled: bool = False) -> Any:
    """Load a network from a ``.keras`` file.

    Args:
        path: the file.
        compiled: with loss and optimizer, to go on training.

    Raises:
        DataError: if the file is missing or broken; it is named.
    """
    keras = load_keras()
    if not path.is_file():
        raise DataError(f"{path} does not exist. Train the model again.")
    try:
        with zipfile.ZipFile(path) as archive:
            broken_member = archive.testzip()
        if broken_member:
            raise DataError(
                f"{path} is broken: its part {broken_member} is not what was written. "
                "Delete it and make it again."
            )
        import_module(
            "numerai_pipeline.models.networks.unpacking"
        )  # registers our layer
        return keras.saving.load_model(path, compile=compiled)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise _broken(path, error) from error


def save_network(model: Any, path: Path, origin: Origin | None = None) -> None:
    """Write a network as a ``.keras`` file, whole.

    Args:
        model: the network; if it is compiled, its optimizer's state is saved too.
        path: the file.
        origin: what it was made from, for an untrained one.
    """
    with atomic_path(path) as partial:
        # Keras insists on its suffix, which the partial name does not have.
        whole = partial.with_name(f"{partial.name}.keras")
        try:
            model.save(whole)
            if origin is not None:
                with zipfile.ZipFile(whole, "a") as archive:
                    archive.writestr(_ORIGIN_MEMBER, json.dumps(origin.to_dict()))
            whole.replace(partial)
        finally:
            whole.unlink(missing_ok=True)


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is not a whole Keras model ({error}). Delete it and make it again."
    )


class _KerasPredictor:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        predictions = np.empty(len(features), dtype=np.float32)
        for start in range(0, len(features), _PREDICT_ROWS):
            batch = features[start : start + _PREDICT_ROWS]
            predictions[start : start + len(batch)] = np.ravel(
                self._model.predict_on_batch(batch)
            )
        return predictions
