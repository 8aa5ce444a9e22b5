import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, parse_table
from numerai_pipeline.models import KerasTraining, load_keras
from numerai_pipeline.training.networks.optimizers import (
    learning_rate,
    make_optimizer,
    set_clipping,
)


def rates(steps, **training):
    rate = learning_rate(KerasTraining(learning_rate=0.1, **training), 10)
    return [float(rate(step)) if callable(rate) else rate for step in steps]


def test_a_constant_rate_is_a_number():
    assert rates([0, 99], epochs=10) == [0.1, 0.1]


def test_the_cosine_falls_to_nothing_with_the_last_epoch():
    found = rates([0, 50, 100], epochs=10, schedule="cosine")
    np.testing.assert_allclose(found, [0.1, 0.05, 0.0], atol=1e-7)


def test_the_rate_rises_first():
    steps = [0, 10, 20, 60, 100]
    falling = rates(steps, epochs=10, schedule="cosine", warmup_epochs=2)
    np.testing.assert_allclose(falling, [0.005, 0.0525, 0.1, 0.05, 0.0], atol=1e-7)
    constant = rates(steps, epochs=10, warmup_epochs=2)
    np.testing.assert_allclose(constant, [0.005, 0.0525, 0.1, 0.1, 0.1], atol=1e-7)


@pytest.fixture
def model():
    keras = load_keras()
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lion"])
def test_every_optimizer_is_made_by_its_name(model, name):
    optimizer = make_optimizer(KerasTraining(optimizer=name), 10, model)
    assert type(optimizer).__name__.lower() == name
    decays = name in ("adamw", "lion")
    assert optimizer.weight_decay == (0.01 if decays else None)


def test_small_gradients_of_float16_are_scaled_up(model):
    keras = load_keras()
    half = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(1, dtype="mixed_float16")]
    )
    optimizer = make_optimizer(KerasTraining(), 10, half)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    set_clipping(optimizer, 2.0, 4)
    assert optimizer.inner_optimizer.global_clipnorm == 0.5
    plain = make_optimizer(KerasTraining(), 10, model)
    assert isinstance(plain, keras.optimizers.AdamW)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            {"loss": "corr"},
            'model.toml [training]: loss = "corr" compares the rows of an era, so it '
            'needs batches = "eras".',
        ),
        (
            {"warmup_epochs": 40},
            "model.toml [training]: warmup_epochs is 40.0, more than epochs, 30.",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_refused(table, sentence):
    with pytest.raises(ConfigError) as caught:
        parse_table(KerasTraining, table, where="model.toml [training]")
    assert str(caught.value) == sentence
