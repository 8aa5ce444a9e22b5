"""``mlp``: a multilayer perceptron, the first network to try."""

from typing import Any

from numerai_pipeline.models.networks.dense import DenseParameters, dense_layers
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import network_input, target_head


class MlpParameters(DenseParameters):
    """``[parameters]`` of ``mlp``."""


def build(parameters: MlpParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets)``."""
    inputs, x = network_input(parameters, n_features, flat=True)
    x = dense_layers(x, parameters.units, parameters)
    return load_keras().Model(inputs, target_head(x, parameters), name="mlp")


FAMILY = KerasFamily(
    name="mlp",
    summary="multilayer perceptron (Keras): dense layers, normalized, with dropout",
    Parameters=MlpParameters,
    build=build,
    presets={
        "funnel": {
            "units": [1_024, 512, 256, 128, 64, 32, 5],
            "activation": "relu",
            "dropout": 0.0,
        }
    },
)
