"""What every network starts and ends with: input, transform, centering, head."""

from typing import Annotated, Any, Literal

from pydantic import Field

from numerai_pipeline.core import Frozen, TargetText
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.transform import parse_transform

# The layer whose output is learned, before it becomes a value.
HEAD = "target"

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class KerasParameters(Frozen):
    """The ``[parameters]`` that all families of networks share."""

    transform: str = Field(
        default="",
        description="steps between the features and the network, such as "
        "NaN,2.0,_|Slice,0,1000; empty: none",
    )
    also_targets: tuple[TargetText, ...] = Field(
        default=(),
        description="further targets, one head each in the same network; the "
        "prediction is the mean of the heads' ranks within the era",
    )
    input_noise: float = Field(
        default=0.0,
        ge=0.0,
        description="standard deviation of Gaussian noise on the features, which are "
        "scaled to -1..1 in steps of 0.5",
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        default="float32",
        description="mixed precision is for GPUs with tensor cores; it slows down a "
        "CPU. Weights and head stay float32",
    )

    @property
    def n_targets(self) -> int:
        """How many targets the network learns."""
        return 1 + len(self.also_targets)


def network_input(
    parameters: KerasParameters, n_features: int, *, flat: bool = False
) -> tuple[Any, Any]:
    """Start a network: features, transformed, centered, with noise.

    Args:
        parameters: ``transform`` and ``input_noise`` are used.
        n_features: width of the data.
        flat: flatten a grid that the transform made.

    Returns:
        ``inputs``, ``(batch, n_features)`` codes, for ``keras.Model``, and ``x`` to
        continue with: ``(batch, *shape)``, -1..1, where 0 is the middle bin.

    Raises:
        ConfigError: if the transform is wrong or does not fit the features.
    """
    inputs, codes = code_input(parameters, n_features, flat=flat)
    return inputs, with_noise(centre(codes), parameters)


def code_input(
    parameters: KerasParameters, n_features: int, *, flat: bool = False
) -> tuple[Any, Any]:
    """Start a network as ``network_input`` does, but do not center the codes."""
    keras = load_keras()
    inputs = keras.Input((n_features,), name="features")
    codes = parse_transform(parameters.transform).apply(inputs)
    if flat and len(codes.shape) > 2:
        codes = keras.layers.Flatten(name="flatten")(codes)
    return inputs, codes


def centre(codes: Any) -> Any:
    """Scale the codes 0..4 to -1..1.

    So the middle bin, which also stands for missing, is 0 and has no effect.
    """
    return load_keras().layers.Rescaling(scale=0.5, offset=-1.0, name="center")(codes)


def with_noise(x: Any, parameters: KerasParameters) -> Any:
    """Add the noise of the parameters, in training only."""
    if not parameters.input_noise:
        return x
    noise = load_keras().layers.GaussianNoise(parameters.input_noise, name="noise")
    return noise(x)


def target_head(x: Any, parameters: KerasParameters) -> Any:
    """End a network that learns values: ``(batch, units)`` to ``(batch, targets)``.

    The signal is a hundredth of the targets' variance. So all predictions start at
    0.5, the mean of the targets: random ones would first have to be unlearned.
    """
    keras = load_keras()
    head = keras.layers.Dense(
        parameters.n_targets,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.5),
        dtype="float32",
        name=HEAD,
    )
    return head(x)
