import pytest

from numerai_pipeline.core import write_toml
from numerai_pipeline.models import load_keras
from numerai_pipeline.training import Epoch, write_curves
from numerai_pipeline.training.curves import Curves
from numerai_pipeline.training.history import write_history

RECIPE = {
    "family": "mlp",
    "seed": 1,
    "parameters": {"units": [8], "dropout": 0.5},
    "training": {"epochs": 2, "monitor": "val_loss"},
}
ROWS = [Epoch(1, 0.3, 0.2, 0.01, 1.0, True), Epoch(2, 0.2, 0.3, 0.02, 1.0, False)]


def read(folder):
    """Read the events as TensorBoard does."""
    from tensorboard.backend.event_processing.plugin_event_multiplexer import (
        EventMultiplexer,
    )

    multiplexer = EventMultiplexer({"run": str(folder)}, tensor_size_guidance={})
    multiplexer.Reload()
    return multiplexer


def tags_of(multiplexer, plugin):
    return set(multiplexer.PluginRunToTagToContent(plugin).get("run", {}))


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "20261124T120000-aaaaaaaa"
    folder.mkdir()
    write_toml(folder / "config.toml", {"recipe": RECIPE})
    return folder


def test_scalars_graph_weights_and_hyperparameters_are_written(run):
    keras = load_keras()
    inputs = keras.Input((3,))
    # A random generator's state is no weight to look at.
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(2, name="hidden")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, name="target")(hidden))
    curves = Curves(run / "tensorboard", ())
    for row in ROWS:
        curves.network(model, row.epoch)
        curves.add(row)
    curves.close()

    found = read(run / "tensorboard")
    assert tags_of(found, "scalars") == {
        f"curves/{name}" for name in ("loss", "val_loss", "val_corr", "seconds")
    }
    steps = [event.step for event in found.Tensors("run", "curves/val_loss")]
    assert steps == [1, 2]
    assert tags_of(found, "histograms") == {
        f"weights/{layer}/{weight}"
        for layer in ("hidden", "target")
        for weight in ("kernel", "bias")
    }
    assert [e.step for e in found.Tensors("run", "weights/hidden/kernel")] == [1, 2]
    assert found.Graph("run").node
    started, ended = sorted(found.PluginRunToTagToContent("hparams")["run"].items())[
        ::-1
    ]
    assert started[0].endswith("session_start_info")
    assert ended[0].endswith("session_end_info")
    assert b"parameters.units" in started[1]


def test_a_history_alone_becomes_scalars(run, tmp_path):
    write_history(ROWS, run / "history.csv")
    folder = tmp_path / "cache"
    write_curves(run / "history.csv", folder)
    write_curves(run / "history.csv", folder)
    found = read(folder)
    assert "curves/val_corr" in tags_of(found, "scalars")
    assert [event.step for event in found.Tensors("run", "curves/loss")] == [1, 2]
    assert b"training.monitor" in b"".join(
        found.PluginRunToTagToContent("hparams")["run"].values()
    )
