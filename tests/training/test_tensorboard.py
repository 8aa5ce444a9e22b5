import pytest

from numerai_pipeline.core import write_toml
from numerai_pipeline.models import load_keras
from numerai_pipeline.training import Epoch, write_curves
from numerai_pipeline.training.history import write_history
from numerai_pipeline.training.tensorboard import TensorBoardWriter

RECIPE = {
    "family": "mlp",
    "seed": 1,
    "parameters": {"units": [8], "dropout": 0.5},
    "training": {"epochs": 2, "monitor": "val_loss", "window_eras": 0},
}
ROWS = [Epoch(1, 0.3, 0.2, 0.01, 1.0, True), Epoch(2, 0.2, 0.3, 0.02, 1.0, False)]


def read(folder):
    """Read the events as TensorBoard does."""
    from tensorboard.backend.event_processing.plugin_event_multiplexer import (
        EventMultiplexer,
    )

    multiplexer = EventMultiplexer(tensor_size_guidance={})
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    return multiplexer


def tags_of(multiplexer, plugin):
    return {
        run: set(tags)
        for run, tags in multiplexer.PluginRunToTagToContent(plugin).items()
    }


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "20261124T120000-aaaaaaaa"
    folder.mkdir()
    write_toml(folder / "config.toml", {"run": {"name": "my-mlp"}, "recipe": RECIPE})
    return folder


def test_scalars_graph_weights_and_hyperparameters_are_written(run):
    keras = load_keras()
    inputs = keras.Input((3,))
    # A random generator's state is no weight to look at.
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(2, name="hidden")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, name="target")(hidden))
    writer = TensorBoardWriter(run / "tensorboard", (), unit="epoch")
    for row in ROWS:
        writer.add_network(model, row.epoch)
        writer.add(row)
    writer.close()

    found = read(run / "tensorboard")
    assert tags_of(found, "scalars") == {
        ".": {f"epochs/{name}" for name in ("loss", "val_loss", "val_corr", "seconds")},
        "best": {"best/val_loss", "best/val_corr", "best_at/epoch"},
    }
    steps = [event.step for event in found.Tensors(".", "epochs/val_loss")]
    assert steps == [1, 2]
    # The hyperparameters are in the run that holds the best epoch's scores alone.
    from tensorboard.util.tensor_util import make_ndarray

    [loss] = found.Tensors("best", "best/val_loss")
    assert loss.step == 1
    assert make_ndarray(loss.tensor_proto) == pytest.approx(0.2)
    assert tags_of(found, "histograms")["."] == {
        f"weights/{layer}/{weight}"
        for layer in ("hidden", "target")
        for weight in ("kernel", "bias")
    }
    assert [e.step for e in found.Tensors(".", "weights/hidden/kernel")] == [1, 2]
    assert found.Graph(".").node
    started, ended = sorted(found.PluginRunToTagToContent("hparams")["best"].items())[
        ::-1
    ]
    assert started[0].endswith("session_start_info")
    assert ended[0].endswith("session_end_info")
    assert b"parameters.units" in started[1]
    assert b"my-mlp aaaaaaaa" in started[1]


def test_a_history_alone_becomes_scalars(run, tmp_path):
    write_history(ROWS, run / "history.csv")
    folder = tmp_path / "cache"
    write_curves(run / "history.csv", folder)
    write_curves(run / "history.csv", folder)
    found = read(folder)
    assert "epochs/val_corr" in tags_of(found, "scalars")["."]
    assert [event.step for event in found.Tensors(".", "epochs/loss")] == [1, 2]
    assert b"training.monitor" in b"".join(
        found.PluginRunToTagToContent("hparams")["best"].values()
    )


@pytest.mark.parametrize(
    ("file", "family", "window_eras", "unit"),
    [
        ("history.csv", "lightgbm", 0, "trees"),
        ("history.csv", "lightgbm", 4, "windows"),
        ("history-window-001.csv", "lightgbm", 4, "trees"),
        ("history-window-001.csv", "mlp", 4, "epochs"),
    ],
)
def test_epochs_trees_and_windows_have_axes_of_their_own(
    run, tmp_path, file, family, window_eras, unit
):
    training = {**RECIPE["training"], "window_eras": window_eras}
    recipe = {**RECIPE, "family": family, "training": training}
    write_toml(run / "config.toml", {"run": {"name": "mine"}, "recipe": recipe})
    write_history(ROWS, run / file)
    write_curves(run / file, tmp_path / "cache")
    prefixes = {
        name.split("/")[0] for name in tags_of(read(tmp_path / "cache"), "scalars")["."]
    }
    assert prefixes == {unit}
