"""Load, save and predict with a network's file."""

import json
import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, atomic_path, retrain
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.protocol import REBUILD, UntrainedSpec

# A `.keras` file is a zip; Keras ignores this member of it.
_SPEC_MEMBER = "origin.json"

# Modules with this package's layers, which Keras knows once they are imported.
_LAYERS = ("unpacking", "reconstruction", "members")

# Rows that a network predicts at once: 45 MB at 2,748 features.
_PREDICT_ROWS = 4_096


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
        raise DataError(f"{path} does not exist. {retrain(path)}")
    try:
        with zipfile.ZipFile(path) as archive:
            _verify(archive)
        for module in _LAYERS:
            import_module(f"numerai_pipeline.models.networks.{module}")
        return keras.saving.load_model(path, compile=compiled)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise _broken(path, error, retrain(path)) from error


def save_network(model: Any, path: Path, spec: UntrainedSpec | None = None) -> None:
    """Write a network as a ``.keras`` file, whole.

    Args:
        model: the network; if it is compiled, its optimizer's state is saved too.
        path: the file.
        spec: what it was made from, for an untrained one.
    """
    with atomic_path(path) as partial:
        # Keras insists on its suffix, which the partial name does not have.
        whole = partial.with_name(f"{partial.name}.keras")
        try:
            model.save(whole)
            if spec is not None:
                with zipfile.ZipFile(whole, "a") as archive:
                    archive.writestr(_SPEC_MEMBER, json.dumps(spec.to_dict()))
            whole.replace(partial)
        finally:
            whole.unlink(missing_ok=True)


def read_spec(path: Path) -> Mapping[str, Any] | None:
    """Read what a network was made from; None: made by hand.

    Raises:
        DataError: if the file is broken.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _verify(archive)
            if _SPEC_MEMBER not in archive.namelist():
                return None
            spec: dict[str, Any] = json.loads(archive.read(_SPEC_MEMBER))
            return spec
    except (zipfile.BadZipFile, json.JSONDecodeError, OSError) as error:
        raise _broken(path, error, REBUILD) from error


def _verify(archive: zipfile.ZipFile) -> None:
    """Check the checksum of each member."""
    member = archive.testzip()
    if member:
        raise zipfile.BadZipFile(f"its part {member} has changed")


def _broken(path: Path, error: Exception, remedy: str) -> DataError:
    return DataError(f"{path} is not a whole Keras model ({error}). {remedy}")


class KerasPredictor:
    """A trained network that predicts; see ``Predictor``."""

    def __init__(self, path: Path) -> None:
        model = load_network(path)
        import tensorflow as tf

        self._n_targets = int(model.output_shape[-1])
        # Compiled once for any number of rows: Keras would compile again for the last
        # block of an era.
        self._predict = tf.function(
            lambda rows: model(rows, training=False),
            input_signature=[tf.TensorSpec(model.input_shape, tf.float32)],
        )

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Predict one value per row, or one per row and target."""
        predictions = np.empty((len(features), self._n_targets), dtype=np.float32)
        for start in range(0, len(features), _PREDICT_ROWS):
            batch = features[start : start + _PREDICT_ROWS]
            predictions[start : start + len(batch)] = self._predict(batch)
        return predictions[:, 0] if self._n_targets == 1 else predictions
