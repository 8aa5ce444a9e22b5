"""The optimizer of a recipe: steps, their schedule, clipping, loss scaling."""

from typing import Any

from numerai_pipeline.models import KerasTraining, load_keras

# Of SGD, where the past gradients count nine times as much as the present one.
_MOMENTUM = 0.9


def make_optimizer(training: KerasTraining, n_steps: int, model: Any) -> Any:
    """Return the optimizer of a recipe.

    Args:
        training: the recipe's ``[training]``.
        n_steps: steps an epoch.
        model: the network; where it computes in float16, the loss is scaled up so
            that small gradients are not lost.
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
    # Keras looks at the policy of the model, which ours leave alone: layers have it.
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
    """Let the optimizer cut gradients that are longer than ``clip_norm`` in all.

    A step hands each device its equal share of the whole gradient, which Keras cuts
    before it adds the shares up.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner.global_clipnorm = clip_norm / n_devices
