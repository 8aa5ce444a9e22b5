import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from child import run_python

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import KerasTraining
from numerai_pipeline.training import Run, train
from numerai_pipeline.training.networks.steps import Devices, make_steps

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
        {"epochs": 2, "loss": "corr", "batches": "eras", "deterministic": True},
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
