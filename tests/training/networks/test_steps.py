import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from child import run_python

from numerai_pipeline.core import ConfigError, parse_table
from numerai_pipeline.models import KerasTraining, load_keras
from numerai_pipeline.training import Run, train
from numerai_pipeline.training.networks.steps import (
    Devices,
    learning_rate,
    make_optimizer,
    make_steps,
    set_clipping,
)

# The first job is killed after its first epoch and goes on.
ON_TWO = """
import json, pickle, sys
from dataclasses import replace
from pathlib import Path
from numerai_pipeline.models import load_keras
load_keras()
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from numerai_pipeline.training import train
from recorded_progress import Killed, RecordedProgress

runs = []
for job in pickle.loads(Path(sys.argv[1]).read_bytes()):
    job = replace(job, runs=job.runs.with_name("on-two"))
    if not runs:
        try:
            train(job, progress=RecordedProgress(at_note="epoch 1:"))
        except Killed:
            pass
    runs.append(str(train(job).folder))
print(json.dumps(runs))
"""


@pytest.mark.slow
def test_two_devices_learn_what_one_does(make_job, tmp_path):
    plain = {"normalization": "none", "dropout": 0.0}
    # 1,447 rows leave 61 for the last batch, and the eras' batches are odd too.
    options = [
        {"epochs": 2, "batch_rows": 77, "schedule": "cosine", "clip_norm": 0.01},
        {"epochs": 1, "loss": "corr", "batches": "eras", "deterministic": True},
    ]
    jobs = [
        make_job("mlp", name=f"mlp{number}", parameters=plain, training=training)
        for number, training in enumerate(options)
    ]
    (tmp_path / "jobs").write_bytes(pickle.dumps(jobs))
    output = run_python(ON_TWO, tmp_path / "jobs", TF_CPP_MIN_LOG_LEVEL="3").stdout
    for job, folder in zip(jobs, json.loads(output), strict=True):
        assert 'device = "cpu x 2"' in (tmp_path / folder / "config.toml").read_text()
        of_two = Run.open(tmp_path / folder)
        # The rest of this process is to be as it was.
        one = {**job.recipe.training, "deterministic": False}
        recipe = job.recipe.model_copy(update={"training": one})
        of_one = train(replace(job, recipe=recipe))
        for row, other in zip(of_one.history(), of_two.history(), strict=True):
            for name in ("loss", "val_loss", "val_corr"):
                found = getattr(other, name)
                assert found == pytest.approx(getattr(row, name), abs=1e-5), name
        x = np.random.default_rng(1).integers(0, 5, (50, 8)).astype(np.float32)
        one, two = (run.predictor().predict(x) for run in (of_one, of_two))
        # Their level makes no difference to CORR, so that nothing holds it.
        np.testing.assert_allclose(one - one.mean(), two - two.mean(), atol=1e-5)


def test_devices_are_named():
    assert str(Devices.found()) == "cpu"
    assert str(Devices(("CPU:0", "CPU:1"), None)) == "cpu x 2"
    assert str(Devices(("GPU:0",), None)) == "gpu x 1"
    assert str(Devices(("GPU:0", "GPU:1"), None)) == "gpu x 2"


def test_xla_for_several_devices_is_refused():
    two = Devices(("GPU:0", "GPU:1"), None)
    training = KerasTraining(xla=True)
    with pytest.raises(ConfigError) as caught:
        make_steps(None, None, None, two, training, (None, None), None)
    assert str(caught.value) == (
        "xla = true is for one device, but there are 2 (GPU:0, GPU:1). Set xla = false "
        "in model.toml, or show one alone: CUDA_VISIBLE_DEVICES=0."
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
