"""Where every network begins and ends: input, transform, centring, head."""

from typing import Annotated, Any, Literal

from pydantic import Field

from numerai_pipeline.core import Frozen
from numerai_pipeline.models.networks.quiet_keras import load_keras
from numerai_pipeline.models.networks.transform import parse_transform

# The layer that gives what is learned, before it is made a value.
HEAD = "target"

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class KerasParameters(Frozen):
    """What ``[parameters]`` of every family of networks has."""

    transform: str = Field(
        default="",
        description="steps between the features and the network, such as "
        "NaN,2.0,_|Slice,0,1000; none: the features as they are",
    )
    also_targets: tuple[str, ...] = Field(
        default=(),
        description="further targets, a head of the same network each; the prediction "
        "is the mean of the heads' ranks within the era",
    )
    input_noise: float = Field(
        default=0.0,
        ge=0.0,
        description="deviation of the normal noise on the features, which are -1..1 "
        "then; 0.1 hides no bin, 0.5 does",
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        default="float32",
        description="mixed ones are for GPUs with tensor cores; a CPU is slower by "
        "them. Weights and head stay float32",
    )

    @property
    def n_targets(self) -> int:
        """How many targets the network learns."""
        return 1 + len(self.also_targets)


def network_input(
    parameters: KerasParameters, n_features: int, *, flat: bool = False
) -> tuple[Any, Any]:
    """Begin a network: features, transformed, centred, with noise.

    Args:
        parameters: ``transform`` and ``input_noise`` count.
        n_features: width of the data.
        flat: make a row again of a grid that the transform made.

    Returns:
        ``inputs``, ``(batch, n_features)`` codes, for ``keras.Model``, and ``x`` to
        go on with: ``(batch, *shape)``, -1..1, where 0 is the middle bin.

    Raises:
        ConfigError: if the transform is wrong or does not fit the features.
    """
    inputs, codes = code_input(parameters, n_features, flat=flat)
    return inputs, with_noise(centre(codes), parameters)


def code_input(
    parameters: KerasParameters, n_features: int, *, flat: bool = False
) -> tuple[Any, Any]:
    """Begin a network as ``network_input`` does, but leave the codes as they are."""
    keras = load_keras()
    inputs = keras.Input((n_features,), name="features")
    codes = parse_transform(parameters.transform).apply(inputs)
    if flat and len(codes.shape) > 2:
        codes = keras.layers.Flatten(name="flatten")(codes)
    return inputs, codes


def centre(codes: Any) -> Any:
    """Make -1..1 of the codes 0..4.

    So the middle bin, and a missing value with it, is 0 and says nothing.
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
    0.5, the mean of the targets, instead of far around it: nothing is unlearned.
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
