"""``MemberDense``: one dense layer for all members of an ensemble.

Importing this module imports Keras and registers the layer.
"""

from typing import Any, Literal

from numerai_pipeline.models.networks.quiet_keras import load_keras

keras = load_keras()


@keras.saving.register_keras_serializable(package="numerai_pipeline")
class MemberDense(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """A dense layer whose kernel ``M`` members share, and each of them scales.

    Member ``m`` makes ``((x * r[m]) @ kernel) * s[m] + bias[m]``: its own are two
    vectors and a bias, not a kernel.

    Input: ``(batch, width)``, which all members see, or ``(batch, members, width)``.
    Output: ``(batch, members, units)``.

    Args:
        units: width of the output.
        members: M, how many share the kernel.
        first_scales: how ``r`` starts. ``signs``: 1 or -1 by chance, which makes the
            members differ; ``ones``: as if there were no scale.

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
            # Scaled kernels are M * width * units numbers, scaled rows M * width *
            # batch, which is more; and all is one product of matrices.
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
        """Return what makes the layer again."""
        own = {
            "units": self.units,
            "members": self.members,
            "first_scales": self.first_scales,
        }
        return {**super().get_config(), **own}


def _signs(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Return 1 or -1 by chance."""
    drawn = keras.random.uniform(shape)
    return keras.ops.cast(keras.ops.where(drawn < 0.5, -1.0, 1.0), dtype)
