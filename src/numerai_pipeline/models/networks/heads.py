"""The heads of networks, and how their outputs become one value per row.

Everything here uses Keras's own operations: a saved network that predicts needs neither
this package nor the recipe.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import HEAD, KerasParameters
from numerai_pipeline.models.protocol import CLASS_VALUES

Learns = Literal["values", "classes", "members"]

# Shares of the classes 0, 0.25, 0.5, 0.75, 1 among Numerai's targets.
_CLASS_SHARES = np.array([0.05, 0.2, 0.5, 0.2, 0.05])

N_CLASSES = len(CLASS_VALUES)


def class_head(x: Any, parameters: KerasParameters) -> Any:
    """End a network that learns classes: ``(batch, units)`` to ``(batch, targets, 5)``.

    All probabilities start at the shares of the classes among the targets.
    """
    layers = load_keras().layers
    logits = layers.Dense(
        parameters.n_targets * N_CLASSES,
        kernel_initializer="zeros",
        bias_initializer="zeros",
        dtype="float32",
        name="logits",
    )(x)
    shape = (parameters.n_targets, N_CLASSES)
    logits = layers.Reshape(shape, dtype="float32", name="classes")(logits)
    logits = logits + np.log(_CLASS_SHARES, dtype=np.float32)
    return layers.Softmax(dtype="float32", name=HEAD)(logits)


def expectation(_parameters: object, probabilities: Any) -> Any:
    """Return the mean of the classes' values, weighted by their probabilities."""
    ops = load_keras().ops
    return ops.sum(probabilities * CLASS_VALUES.astype(np.float32), axis=-1)


def most_likely(_parameters: object, probabilities: Any) -> Any:
    """Return the value of the most likely class; the lower one of a tie."""
    ops = load_keras().ops
    return ops.cast(ops.argmax(probabilities, axis=-1), "float32") * 0.25


def by_thresholds(probabilities: Any, outer: float, inner: float) -> Any:
    """Return a class's value, chosen by the probability of the middle class.

    If its probability is below ``outer``, it is 0 or 1, the likelier one; else, if
    it is below ``inner``, 0.25 or 0.75; else 0.5.
    """
    ops = load_keras().ops

    def likelier(low: int, high: int) -> Any:
        is_high = probabilities[..., high] > probabilities[..., low]
        return ops.where(is_high, high * 0.25, low * 0.25)

    middle = probabilities[..., 2]
    return ops.where(
        middle < outer,
        likelier(0, 4),
        ops.where(middle < inner, likelier(1, 3), 0.5),
    )


def _itself(_parameters: object, values: Any) -> Any:
    return values


def _mean_of_members(_parameters: object, members: Any) -> Any:
    return load_keras().ops.mean(members, axis=-1)


# How outputs become values, unless a family has a ``value`` of its own.
VALUES: Mapping[Learns, Callable[[Any, Any], Any]] = {
    "values": _itself,
    "classes": expectation,
    "members": _mean_of_members,
}
