"""``classifier``: predicts which of the five classes a target is in."""

from typing import Annotated, Any, Literal

from pydantic import Field

from numerai_pipeline.models.networks.dense import DenseParameters, dense_layers
from numerai_pipeline.models.networks.family import ClassesTraining, KerasFamily
from numerai_pipeline.models.networks.heads import (
    by_thresholds,
    class_head,
    expectation,
    most_likely,
)
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import network_input

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class ClassifierParameters(DenseParameters):
    """``[parameters]`` of ``classifier``."""

    value: Literal["expectation", "argmax", "thresholds"] = Field(
        default="expectation",
        description="how five probabilities become a prediction: the mean of the "
        "classes' values, the likeliest class, or a class by thresholds. The last two "
        "have few values, so most rows tie",
    )
    thresholds: tuple[Probability, Probability] = Field(
        default=(0.10, 0.48),
        description="for value = thresholds: if the middle class is less probable than "
        "the first, an outermost class is taken; than the second, the next class",
    )


def build(parameters: ClassifierParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets, 5)``."""
    inputs, x = network_input(parameters, n_features, flat=True)
    x = dense_layers(x, parameters.units, parameters)
    return load_keras().Model(inputs, class_head(x, parameters), name="classifier")


def value(parameters: ClassifierParameters, probabilities: Any) -> Any:
    """Turn five probabilities into a value, as the parameters say."""
    if parameters.value == "argmax":
        return most_likely(parameters, probabilities)
    if parameters.value == "thresholds":
        return by_thresholds(probabilities, *parameters.thresholds)
    return expectation(parameters, probabilities)


FAMILY = KerasFamily(
    name="classifier",
    summary="multilayer perceptron (Keras) that learns the target's five classes",
    Parameters=ClassifierParameters,
    build=build,
    Training=ClassesTraining,
    learns="classes",
    value=value,
)
