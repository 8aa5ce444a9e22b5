"""What all Keras families share: training options, files, prediction.

A family of networks is a ``KerasFamily`` with its own table of parameters and a
function that builds the network from them.
"""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

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

NonNegative = Annotated[int, Field(ge=0)]

# What the raw head of a network gives.
Learns = Literal["values", "classes", "members"]

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
    batches: Literal["rows", "eras"] = Field(
        default="rows",
        description="eras: each batch has the rows of one era, and every era as many "
        "batches, so that all weigh the same",
    )
    era_weights: Literal["rows", "eras"] = Field(
        default="rows", description="eras: every era weighs the same, whatever its rows"
    )
    loss: Literal["mse", "mae", "huber", "corr"] = Field(
        default="mse",
        description="mse makes it predict the mean of the target; corr is 1 - CORR "
        'of a batch of one era, and needs batches = "eras"',
    )
    optimizer: Literal["adamw", "adam", "sgd", "lion"] = Field(
        default="adamw", description="adam with a weight decay of its own"
    )
    learning_rate: PositiveFloat = Field(
        default=1e-3, description="the common default of adamw; lion wants a tenth"
    )
    weight_decay: float = Field(
        default=1e-2,
        ge=0.0,
        description="of adamw and lion; the signal is weak, so shrink",
    )
    clip_norm: PositiveFloat = Field(
        default=1.0, description="longer gradients are cut: one odd batch does no harm"
    )
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="cosine: the learning rate falls to 0 with the last of all "
        "epochs, so set epochs to what you mean to train",
    )
    warmup_epochs: float = Field(
        default=0.0,
        ge=0.0,
        description="the learning rate rises for so long, also half an epoch",
    )
    window_eras: NonNegative = Field(
        default=0,
        description="rolling windows: a network each learns from so many eras and is "
        "chosen by as many later ones; 0: one network of all eras",
    )
    window_step: NonNegative = Field(
        default=0, description="eras from window to window; 0: window_eras"
    )
    window_purge: NonNegative = Field(
        default=4,
        description="eras left out before those that choose: targets of 20 days reach "
        "so far ahead",
    )
    xla: bool = Field(
        default=False,
        description="compile a step with XLA: longer to begin, and for one device only",
    )
    deterministic: bool = Field(
        default=False,
        description="operations that give the same bits on a GPU each time, slower; "
        "a CPU's do already",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "KerasTraining":
        if self.loss == "corr" and self.batches != "eras":
            raise ValueError(
                'loss = "corr" compares the rows of an era, so it needs '
                'batches = "eras"'
            )
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs}, more than epochs, "
                f"{self.epochs}"
            )
        return self


class ClassesTraining(KerasTraining):
    """``[training]`` of the families that learn classes."""

    # A table of choices of its own: none of the other losses is for classes.
    loss: Literal["crossentropy"] = Field(  # type: ignore[assignment]
        default="crossentropy", description="makes it predict probabilities of classes"
    )
    monitor: Literal["val_loss", "val_corr", "val_accuracy"] = Field(  # type: ignore[assignment]
        default="val_loss",
        description="the best epoch has the lowest val_loss, or the highest val_corr "
        "(mean CORR of the held-out eras), or the highest val_accuracy (share of rows "
        "whose most probable class is theirs)",
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
        learns: what the layer ``target`` gives for T targets: ``values``
            ``(batch, T)``; ``classes``: probabilities ``(batch, T, 5)``; ``members``:
            ``(batch, T, M)``, each of which learns the target itself.
        value: makes values ``(batch, T)`` of parameters and what that layer gives;
            None: as they are, the mean of the members, the expectation of the classes.
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
    learns: Learns = "values"
    value: Callable[[Any, Any], Any] | None = None

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

    def predicting(self, model: Any, parameters: Any) -> Any:
        """Return the part of a network that predicts values; it shares the layers."""
        keras = load_keras()
        if "target" not in [layer.name for layer in model.layers]:
            return keras.Model(model.inputs, model.outputs[0])
        head = model.get_layer("target").output
        value = self.value or _VALUES[self.learns]
        return keras.Model(model.inputs, value(parameters, head))

    def load(self, path: Path) -> Predictor:
        """Load a trained network for prediction; see ``Family``."""
        of_windows = sorted(path.parent.glob(f"*/{path.name}"))
        if not of_windows:
            return _KerasPredictor([load_network(path)])
        return _KerasPredictor([load_network(found) for found in of_windows])


def _expectation(_parameters: Any, head: Any) -> Any:
    ops = load_keras().ops
    return ops.matmul(head, ops.convert_to_tensor([0.0, 0.25, 0.5, 0.75, 1.0]))


_VALUES: Mapping[Learns, Callable[[Any, Any], Any]] = {
    "values": lambda _, head: head,
    "classes": _expectation,
    "members": lambda _, head: load_keras().ops.mean(head, axis=-1),
}


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
    def __init__(self, models: Sequence[Any]) -> None:
        self._models = models

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        columns = [self._columns(model, features) for model in self._models]
        found = np.concatenate(columns, axis=1)
        return found[:, 0] if found.shape[1] == 1 else found

    def _columns(
        self, model: Any, features: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        starts = range(0, max(len(features), 1), _PREDICT_ROWS)
        found = [
            np.asarray(model.predict_on_batch(features[start : start + _PREDICT_ROWS]))
            for start in starts
        ]
        columns: npt.NDArray[np.float32] = np.concatenate(found)
        return columns
