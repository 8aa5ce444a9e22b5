"""What a network does with a batch, on one device or on several, and its optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import KerasTraining, UnpackFeatures, load_keras
from numerai_pipeline.training.networks.losses import TargetLoss

Array = npt.NDArray[Any]

# Of SGD, where the past gradients count nine times as much as the present one.
_MOMENTUM = 0.9


@dataclass(frozen=True)
class Devices:
    """The devices that train: all GPUs, or the CPU.

    Attributes:
        names: such as ``GPU:0``.
        strategy: lets every device do its part of a batch.
    """

    names: tuple[str, ...]
    strategy: Any

    @classmethod
    def found(cls) -> "Devices":
        """Take all GPUs, and where there is none all logical CPUs, usually one."""
        load_keras()
        import tensorflow as tf

        devices = tf.config.list_logical_devices("GPU")
        devices = devices or tf.config.list_logical_devices("CPU")
        names = tuple(device.name.removeprefix("/device:") for device in devices)
        return cls(names, _strategy(names))

    @property
    def are_gpus(self) -> bool:
        """Whether batches are copied to them."""
        return self.names[0].startswith("GPU")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.names)

    def __str__(self) -> str:
        """Name them, such as ``cpu`` or ``gpu x 1``."""
        kind = "gpu" if self.are_gpus else "cpu"
        return f"{kind} x {len(self)}" if self.are_gpus or len(self) > 1 else kind

    def share_out(self, dataset: Any) -> Any:
        """Give each element of a dataset to the next device.

        Args:
            dataset: ``PackedRows.dataset`` with as many devices.
        """
        return self.strategy.distribute_datasets_from_function(lambda _: dataset)

    def parts(self, of_all: Any) -> list[Array]:
        """Return what each device made."""
        results = self.strategy.experimental_local_results(of_all)
        return [np.asarray(part) for part in results]


@cache
def _strategy(names: tuple[str, ...]) -> Any:
    """Return the one strategy of these devices in this process.

    A second one would number its messages between the devices from the beginning
    again, and TensorFlow takes them for those of the first.
    """
    import tensorflow as tf

    if len(names) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(names)


@dataclass(frozen=True)
class Steps:
    """The two things that a network does with a batch, compiled.

    Attributes:
        train: ``(x, y, share)`` -> loss of the batch, and per device whether a row's
            prediction or loss is not finite.
        evaluate: the same -> per device the head's output, and the values.
    """

    train: Callable[[Any, Any, Any], tuple[Any, Any]]
    evaluate: Callable[[Any, Any, Any], tuple[Any, Any]]


def make_steps(
    model: Any,
    predicting: Any,
    loss: TargetLoss,
    devices: Devices,
    training: KerasTraining,
    batches: tuple[Any, Any],
    unpack: UnpackFeatures | None,
) -> Steps:
    """Compile what a network does with batches of ``PackedRows.dataset``.

    Args:
        model: the network, compiled with its optimizer.
        predicting: its part that returns values, see ``KerasFamily.predicting``.
        loss: its loss.
        devices: where; each gets a part of every batch.
        training: the recipe's ``[training]``.
        batches: what to learn from and what to evaluate, from
            ``Devices.share_out``. Their shapes have any number of rows: compiled for
            the first batch's number, a step would round otherwise than one that was
            compiled for another's, when training is resumed.
        unpack: unpacks batches that come packed; None: they are floats.

    Raises:
        ConfigError: if XLA is to compile for more than one device.
    """
    import tensorflow as tf

    if training.xla and len(devices) > 1:
        raise ConfigError(
            f"xla = true is for one device, but there are {len(devices)} "
            f"({', '.join(devices.names)}). Set xla = false in model.toml, or show "
            "one alone: CUDA_VISIBLE_DEVICES=0."
        )
    optimizer, strategy = model.optimizer, devices.strategy
    evaluating = load_keras().Model(
        model.inputs, [raw_head(model), predicting.outputs[0]]
    )

    def floats(x: Any) -> Any:
        return x if unpack is None else unpack(x)

    def train_part(x: Any, y: Any, share: Any) -> Any:
        with tf.GradientTape() as tape:
            head = tf.cast(model(floats(x), training=True), tf.float32)
            of_rows = _losses(loss, head, y, share, len(devices))
            others = [tf.cast(other, tf.float32) for other in model.losses]
            total = tf.reduce_sum(share * of_rows)
            total += tf.add_n(others) / len(devices) if others else 0.0
            scaled = optimizer.scale_loss(total)
        gradients = tape.gradient(scaled, model.trainable_variables)
        if len(devices) > 1:
            gradients = _equal_shares(gradients, len(devices))
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        of_head = tf.reduce_all(
            tf.math.is_finite(head), axis=list(range(1, len(head.shape)))
        )
        return total, ~(of_head & tf.math.is_finite(of_rows))

    def evaluate_part(x: Any, _y: Any, _share: Any) -> Any:
        return tuple(evaluating(floats(x), training=False))

    def train(*batch: Any) -> Any:
        totals, is_broken = strategy.run(train_part, args=batch)
        return strategy.reduce("SUM", totals, axis=None), is_broken

    def evaluate(*batch: Any) -> Any:
        return strategy.run(evaluate_part, args=batch)

    compiled = [
        tf.function(
            step, jit_compile=training.xla, input_signature=of_step.element_spec
        )
        for step, of_step in zip((train, evaluate), batches, strict=True)
    ]
    return Steps(*compiled)


def raw_head(model: Any) -> Any:
    """Return the output of the layer ``target``, or of a network without one."""
    for layer in model.layers:
        if layer.name == "target":
            return layer.output
    return model.outputs[0]


def _losses(loss: TargetLoss, head: Any, y: Any, share: Any, n_devices: int) -> Any:
    """Return a loss per row; one of the whole batch needs the rows of all devices."""
    if not loss.is_of_batch or n_devices == 1:
        return loss.call(y, head)
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    y, head, shares = (context.all_gather(part, axis=0) for part in (y, head, share))
    counts = shares > 0
    of_batch = loss.call(tf.boolean_mask(y, counts), tf.boolean_mask(head, counts))[0]
    return tf.fill(tf.shape(share), of_batch)


def _equal_shares(gradients: list[Any], n_devices: int) -> list[Any]:
    """Give each device the same part of the whole gradient.

    Keras clips each device's gradient and then adds them up, which would clip the
    parts of a batch separately.
    """
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    wholes = context.all_reduce("SUM", [g for g in gradients if g is not None])
    rest = iter(wholes)
    return [None if g is None else next(rest) / n_devices for g in gradients]


def make_optimizer(training: KerasTraining, n_steps: int, model: Any) -> Any:
    """Return the optimizer of a recipe.

    Args:
        training: the recipe's ``[training]``.
        n_steps: steps per epoch.
        model: the network; where it computes in float16, the loss is scaled up so
            that small gradients do not underflow.
    """
    optimizers = load_keras().optimizers
    rate = learning_rate(training, n_steps)
    decay = {"weight_decay": training.weight_decay}
    makers = {
        "adamw": lambda: optimizers.AdamW(rate, **decay),
        "adam": lambda: optimizers.Adam(rate),
        "sgd": lambda: optimizers.SGD(rate, momentum=_MOMENTUM, nesterov=True),
        "lion": lambda: optimizers.Lion(rate, **decay),
    }
    optimizer = makers[training.optimizer]()
    # Keras checks the policy of the model; here the layers have it.
    if any(layer.dtype_policy.name == "mixed_float16" for layer in model.layers):
        return optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def learning_rate(training: KerasTraining, n_steps: int) -> Any:
    """Return the learning rate: a number, or its schedule over the steps."""
    target = training.learning_rate
    n_warmup = round(training.warmup_epochs * n_steps)
    is_falling = training.schedule == "cosine"
    if not (is_falling or n_warmup):
        return target
    return load_keras().optimizers.schedules.CosineDecay(
        # The first step already moves a little.
        initial_learning_rate=target / n_warmup if n_warmup else target,
        decay_steps=max(1, training.epochs * n_steps - n_warmup),
        alpha=0.0 if is_falling else 1.0,
        warmup_target=target if n_warmup else None,
        warmup_steps=n_warmup,
    )


def set_clipping(optimizer: Any, clip_norm: float, n_devices: int) -> None:
    """Clip gradients whose norm is longer than ``clip_norm``.

    A step gives each device an equal share of the whole gradient, which Keras clips
    before it adds the shares up.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner.global_clipnorm = clip_norm / n_devices
