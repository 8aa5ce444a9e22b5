"""``ReconstructionLoss``: the loss of an autoencoder's reconstruction, as a layer.

Importing this module imports Keras and registers the layer.
"""

from typing import Any, Literal

from numerai_pipeline.models.networks.keras_backend import load_keras

keras = load_keras()

Kind = Literal["mse", "crossentropy"]


@keras.saving.register_keras_serializable(package="numerai_pipeline")
class ReconstructionLoss(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """Add the loss of a reconstruction while training; pass the head through.

    Input: ``[x, reconstruction, head]``. For ``mse`` both first ones are ``(batch,
    F)``; for ``crossentropy`` ``x`` has the codes 0..4 of the classes and
    ``reconstruction`` the logits, ``(batch, F, 5)``. Output: the head as it is.

    Args:
        weight: factor of the loss, which is the mean over batch and features.
        kind: which loss.
    """

    def __init__(self, weight: float, kind: Kind, **of_layer: Any) -> None:
        # Losses are small numbers, which half precision would round to zero.
        super().__init__(**{**of_layer, "dtype": "float32"})
        self.weight = weight
        self.kind = kind

    def call(self, inputs: list[Any], *, training: bool = False) -> Any:
        """Add the loss."""
        x, reconstruction, head = inputs
        if training:
            losses = (
                keras.ops.square(reconstruction - x)
                if self.kind == "mse"
                else _crossentropy(x, reconstruction)
            )
            self.add_loss(self.weight * keras.ops.mean(losses))
        return head

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate the layer."""
        config = {**super().get_config(), "weight": self.weight, "kind": self.kind}
        del config["dtype"]
        return config


def _crossentropy(codes: Any, logits: Any) -> Any:
    # The recipe's value for missing may be outside of the classes.
    classes = keras.ops.clip(keras.ops.round(codes), 0, logits.shape[-1] - 1)
    return keras.ops.sparse_categorical_crossentropy(
        keras.ops.cast(classes, "int32"), logits, from_logits=True
    )
