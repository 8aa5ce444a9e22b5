"""``MemberDense``: one dense layer for all members of an ensemble.

Importing this module imports Keras and registers the layer.
"""

from typing import Any, Literal

from numerai_pipeline.models.networks.keras_backend import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable(package="numerai_pipeline")
class MemberDense(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """A dense layer whose kernel ``M`` members share, scaled by each of them.

    Member ``m`` computes ``((x * r[m]) @ kernel) * s[m] + bias[m]``: it has two vectors
    and a bias of its own, but no kernel.

    Input: ``(batch, width)``, which all members see, or ``(batch, members, width)``.
    Output: ``(batch, members, units)``.

    Args:
        units: width of the output.
        members: M, how many share the kernel.
        first_scales: initial ``r``. ``signs``: random 1 or -1, which makes the members
            differ; ``ones``: no scaling.

    Source: Wen et al. 2020, BatchEnsemble (arXiv 2002.06715); Gorishniy et al. 2024,
    TabM (arXiv 2410.24210), section 3.3.
    """

    def __init__(
        self,
        units: int,
        members: int,
        first_scales: Literal["signs", "ones"] = "ones",
        **of_layer: Any,
    ) -> None:
        super().__init__(**of_layer)
        self.units = units
        self.members = members
        self.first_scales = first_scales

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        width = input_shape[-1]
        members, units = self.members, self.units
        self.kernel = self.add_weight((width, units), "glorot_uniform", name="kernel")
        self.input_scale = self.add_weight(
            (members, width),
            _signs if self.first_scales == "signs" else "ones",
            name="input_scale",
        )
        self.output_scale = self.add_weight((members, units), "ones", name="scale")
        self.bias = self.add_weight((members, units), "zeros", name="bias")

    def call(self, x: Any) -> Any:
        """Apply the layer of each member."""
        ops = keras.ops
        if len(x.shape) == 2:
            # Scaled kernels have M * width * units numbers, scaled rows M * width *
            # batch, which is more; and this is a single matrix product.
            scale = ops.transpose(self.input_scale)
            kernels = ops.expand_dims(scale, 2) * ops.expand_dims(self.kernel, 1)
            flat = ops.reshape(kernels, (x.shape[1], self.members * self.units))
            y = ops.reshape(ops.matmul(x, flat), (-1, self.members, self.units))
        else:
            y = ops.matmul(x * self.input_scale, self.kernel)
        return y * self.output_scale + self.bias

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return ``(batch, members, units)``."""
        return input_shape[0], self.members, self.units

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate the layer."""
        own = {
            "units": self.units,
            "members": self.members,
            "first_scales": self.first_scales,
        }
        return {**super().get_config(), **own}


def _signs(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Return random 1 or -1."""
    drawn = keras.random.uniform(shape)
    return keras.ops.cast(keras.ops.where(drawn < 0.5, -1.0, 1.0), dtype)
