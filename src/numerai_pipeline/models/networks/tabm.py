"""``tabm``: an ensemble of multilayer perceptrons in one network.

The members share all kernels, and each scales what goes in and out of them by vectors
of its own. Each learns the target itself; the prediction is their mean.

Source: Gorishniy et al. 2024, TabM: Advancing Tabular Deep Learning with
Parameter-Efficient Ensembling (arXiv 2410.24210), section 3.3.
"""

from typing import Any

from pydantic import Field

from numerai_pipeline.core import Positive
from numerai_pipeline.models.networks.dense import Activation
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.parts import (
    HEAD,
    KerasParameters,
    Share,
    network_input,
)
from numerai_pipeline.models.networks.quiet_keras import load_keras


class TabmParameters(KerasParameters):
    """``[parameters]`` of ``tabm``."""

    members: Positive = Field(
        default=16,
        description="how many share the kernels; the paper takes 32, but time grows "
        "with them: at full width each takes as long as an mlp",
    )
    units: tuple[Positive, ...] = Field(
        default=(128, 64),
        min_length=1,
        description="width of each hidden layer; as mlp's",
    )
    activation: Activation = Field(default="relu", description="the paper's")
    dropout: Share = Field(
        default=0.3,
        description="share of each layer hidden in a step, for each member another; "
        "less than mlp's, since the mean over the members shrinks the noise too",
    )


def build(parameters: TabmParameters, n_features: int) -> Any:
    """Build it: ``(batch, n_features)`` codes to ``(batch, targets, members)``."""
    from numerai_pipeline.models.networks.members import MemberDense

    keras = load_keras()
    layers = keras.layers
    inputs, x = network_input(parameters, n_features, flat=True)
    for index, units in enumerate(parameters.units, start=1):
        x = MemberDense(
            units,
            parameters.members,
            # Members that begin alike would learn alike; one layer makes them differ.
            first_scales="signs" if index == 1 else "ones",
            name=f"dense_{index}",
        )(x)
        x = layers.Activation(parameters.activation, name=f"activate_{index}")(x)
        x = layers.Dropout(parameters.dropout, name=f"drop_{index}")(x)
    head = layers.EinsumDense(
        "bmu,mut->btm",
        output_shape=(parameters.n_targets, parameters.members),
        bias_axes="tm",
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.5),
        dtype="float32",
        name=HEAD,
    )
    return keras.Model(inputs, head(x), name="tabm")


FAMILY = KerasFamily(
    name="tabm",
    summary="ensemble of MLPs in one network (Keras), as TabM, arXiv 2410.24210",
    Parameters=TabmParameters,
    build=build,
    learns="members",
)
