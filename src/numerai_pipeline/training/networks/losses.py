"""The loss of a network, for every kind of head.

Importing this module imports Keras and registers the loss; a checkpoint that names it
can be loaded after that.
"""

from typing import Any, Literal

from numerai_pipeline.models import CLASS_VALUES, Learns, load_keras

keras = load_keras()
ops = keras.ops

Kind = Literal["mse", "mae", "huber", "corr", "crossentropy"]

# Errors beyond a class count linearly: no error of a target reaches Keras' 1.0.
_HUBER_DELTA = 0.25

# A probability of 0 would have an infinite loss.
_LEAST_PROBABILITY = 1e-7

# Instead of |z| ** 1.5, whose slope is 0 at 0: a network starts with equal predictions,
# where the gradient would be zero. 0.01 changes CORR by less than a hundredth of it.
_ROUNDING = 0.01

# Predictions that differ by less than this count as equal.
_LEAST_SPREAD = 1e-4


@keras.saving.register_keras_serializable(package="numerai_pipeline")
class TargetLoss(keras.losses.Loss):  # type: ignore[misc, name-defined]
    """A loss per row: the mean over all targets and members.

    ``y_true`` is ``(batch,)`` or ``(batch, T)`` targets in 0..1, ``y_pred`` what the
    head returns: ``(batch, T)`` values, ``(batch, T, 5)`` probabilities of the classes,
    or ``(batch, T, M)`` members.

    Args:
        kind: ``mse``, ``mae``, ``huber``, ``crossentropy`` of classes, or ``corr``:
            1 - CORR of the batch, which holds rows of one era; each row has the same.
        learns: what the head returns.
    """

    def __init__(
        self, kind: Kind, learns: Learns = "values", name: str = "target_loss"
    ) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.kind = kind
        self.learns = learns

    @property
    def is_of_batch(self) -> bool:
        """Whether a row's loss depends on the other rows."""
        return self.kind == "corr"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return ``(batch,)`` float32."""
        wanted = ops.cast(y_true, "float32")
        found = ops.cast(y_pred, "float32")
        if len(wanted.shape) == 1:
            wanted = wanted[:, None]
        if self.learns == "classes":
            return _crossentropy(wanted, found)
        if self.learns == "members":
            wanted = wanted[:, :, None]
        if self.kind == "corr":
            loss = 1 - ops.mean(smooth_corr(wanted, found))
            return ops.broadcast_to(loss, (ops.shape(found)[0],))
        error = _ERRORS[self.kind](found - wanted)
        return ops.mean(error, axis=tuple(range(1, len(error.shape))))

    def get_config(self) -> dict[str, Any]:
        """Return what recreates the loss."""
        return {"kind": self.kind, "learns": self.learns, "name": self.name}


def smooth_corr(targets: Any, predictions: Any) -> Any:
    """Return a differentiable approximation of CORR.

    The predictions are standardized where CORR takes normal quantiles of their ranks,
    which have no slope. The rest is CORR: both are raised to the power 1.5 with their
    signs, the targets around their mean, then Pearson's correlation.

    Args:
        targets: ``(rows, ...)`` of one era, broadcast to the predictions.
        predictions: ``(rows, ...)`` float32.

    Returns:
        ``(...)``, 0 where all predictions or all targets are equal.

    Source: ``numerai_corr`` of numerai-tools, whose ranks are left out.
    """
    z = predictions - ops.mean(predictions, axis=0, keepdims=True)
    variance = ops.mean(z * z, axis=0, keepdims=True)
    z = z * ops.rsqrt(variance + _LEAST_SPREAD**2)
    scored = z * ops.power(z * z + _ROUNDING, 0.25)
    centred = targets - ops.mean(targets, axis=0, keepdims=True)
    wanted = ops.sign(centred) * ops.power(ops.abs(centred), 1.5)
    scored = scored - ops.mean(scored, axis=0, keepdims=True)
    wanted = wanted - ops.mean(wanted, axis=0, keepdims=True)
    # The smallest float keeps 0 / 0 from being NaN.
    norm = ops.sum(scored * scored, axis=0) * ops.sum(wanted * wanted, axis=0)
    return ops.sum(scored * wanted, axis=0) * ops.rsqrt(norm + 1e-12)


def _crossentropy(targets: Any, probabilities: Any) -> Any:
    """Return the mean over the targets of ``(batch, T, 5)`` probabilities."""
    n_steps = len(CLASS_VALUES) - 1
    classes = ops.cast(ops.round(targets * n_steps), "int32")
    hit = ops.one_hot(classes, len(CLASS_VALUES), dtype="float32")
    of_class = ops.sum(hit * probabilities, axis=-1)
    return -ops.mean(ops.log(ops.maximum(of_class, _LEAST_PROBABILITY)), axis=-1)


def _huber(error: Any) -> Any:
    size = ops.abs(error)
    line = _HUBER_DELTA * (size - _HUBER_DELTA / 2)
    return ops.where(size <= _HUBER_DELTA, error * error / 2, line)


_ERRORS = {"mse": lambda error: error * error, "mae": ops.abs, "huber": _huber}
