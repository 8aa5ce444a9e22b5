"""The curves of a run for TensorBoard, on request."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.core import read_toml
from numerai_pipeline.models import load_keras
from numerai_pipeline.training.history import Epoch, read_history
from numerai_pipeline.training.run import CONFIG_FILE

_TABLES = ("parameters", "training")

# TensorBoard shows what has a prefix in common side by side, and opens the first two.
_CURVES, _WEIGHTS = "curves", "weights"

_SCALARS = (
    "loss",
    "val_loss",
    "val_corr",
    "val_accuracy",
    "rows_per_second",
    "waiting",
    "seconds",
)


class Curves:
    """What TensorBoard shows of one run, written as it goes.

    Scalars of every epoch; with ``network`` its graph and its weights as histograms;
    with the recipe of the run folder the hyperparameters.
    """

    def __init__(
        self, folder: Path, rows: Sequence[Epoch], *, run: Path | None = None
    ) -> None:
        """Begin with the epochs that are known; what stood there is replaced.

        Args:
            folder: where TensorBoard will look.
            rows: the history so far.
            run: the run folder; None where ``folder`` is in it.
        """
        load_keras()  # lets TensorFlow in without its chatter
        import tensorflow as tf

        shutil.rmtree(folder, ignore_errors=True)
        self._tf = tf
        self._writer: Any = tf.summary.create_file_writer(str(folder))
        self._has_graph = False
        from tensorboard.plugins.hparams import api

        with self._writer.as_default(step=0):
            api.hparams(_hyperparameters(run or folder.parent))
        for row in rows:
            self.add(row)

    def add(self, row: Epoch) -> None:
        """Write an epoch's points, so that TensorBoard shows them at once."""
        with self._writer.as_default(step=row.epoch):
            for name in _SCALARS:
                value = getattr(row, name)
                if not math.isnan(value):
                    self._tf.summary.scalar(f"{_CURVES}/{name}", value)
        self._writer.flush()

    def network(self, model: Any, epoch: int) -> None:
        """Write a network's weights as histograms and, once, its graph.

        Args:
            model: a Keras network with one input.
            epoch: the epoch that is over.
        """
        summary = self._tf.summary
        with self._writer.as_default(step=epoch):
            if not self._has_graph:
                self._has_graph = True
                inputs = self._tf.TensorSpec((None, *model.input_shape[1:]))
                traced = self._tf.function(lambda x: model(x, training=False))
                summary.graph(traced.get_concrete_function(inputs).graph)
            for weight in model.weights:
                # Not the states of random generators.
                if "float" in str(weight.dtype):
                    values = self._tf.convert_to_tensor(weight)
                    name = f"{_WEIGHTS}/{weight.path}"
                    summary.histogram(name, self._tf.cast(values, "float32"))

    def close(self) -> None:
        """Close the file; the table of runs calls the run a success."""
        from tensorboard.plugins.hparams import api_pb2, summary

        ended = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        with self._writer.as_default(step=0):
            self._tf.summary.experimental.write_raw_pb(ended.SerializeToString())
        self._writer.close()


def write_curves(history: Path, folder: Path) -> None:
    """Turn a ``history.csv`` into what TensorBoard shows.

    Args:
        history: the file in its run folder.
        folder: where TensorBoard will look; what stood there is replaced.

    Raises:
        DataError: if the history is broken.
    """
    Curves(folder, read_history(history), run=history.parent).close()


def _hyperparameters(run: Path) -> dict[str, bool | float | str]:
    """Return what a run was trained by, as TensorBoard's table of runs takes it."""
    path = run / CONFIG_FILE
    if not path.is_file():
        return {}
    recipe = read_toml(path)["recipe"]
    flat = {key: recipe[key] for key in recipe if key not in _TABLES}
    for table in _TABLES:
        flat |= {f"{table}.{key}": value for key, value in recipe[table].items()}
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in flat.items()
    }
