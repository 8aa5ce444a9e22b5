"""``UnpackFeatures``: a layer that unpacks packed bytes on the device.

Importing this module imports Keras and registers the layer. Keras can load a file with
the layer only after that.
"""

from typing import Any

from numerai_pipeline.data import decode_packed
from numerai_pipeline.models.networks.keras_backend import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable(package="numerai_pipeline")
class UnpackFeatures(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """Unpack and decode features, as training and prediction do without it.

    In front of a network that reads floats, it accepts batches of
    ``dataset(packed=True)``: 916 bytes per row of 2,748 features instead of 10,992.

        packed = keras.Input((rows.x.shape[1],), dtype="uint8")
        outputs = network(UnpackFeatures(rows.n_features, missing=2.0)(packed))
        model = keras.Model(packed, outputs)

    Input: ``(batch, P)`` uint8 with P = ceil(F / 3). Output: ``(batch, F)``, float32
    unless the policy of Keras has another precision.

    Args:
        n_features: F, how many features are packed.
        missing: value of a missing feature.
    """

    def __init__(self, n_features: int, missing: float, **of_layer: Any) -> None:
        super().__init__(**of_layer)
        self.n_features = n_features
        self.missing = missing

    def call(self, packed: Any) -> Any:
        """Unpack a batch."""
        decoded = decode_packed(packed, self.n_features, self.missing)
        return keras.ops.cast(decoded, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate the layer."""
        own = {"n_features": self.n_features, "missing": self.missing}
        return {**super().get_config(), **own}
