"""What TensorBoard shows of a run, on request."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.core import read_toml
from numerai_pipeline.models import load_keras
from numerai_pipeline.training.history import COLUMNS, Epoch, read_history, unit_of
from numerai_pipeline.training.run import CONFIG_FILE, HISTORY_FILE

_TABLES = ("parameters", "training")

_WEIGHTS = "weights"
# A run of its own for TensorBoard: its table of hyperparameters shows every scalar of
# the run that holds them, by its last value.
_BEST = "best"


class TensorBoardWriter:
    """Writes a run for TensorBoard while it trains.

    Scalars of every epoch, under ``epochs/``, ``trees/`` or ``windows/``, which have
    an axis each; with ``add_network`` the graph, and the weights as histograms. In
    ``best/`` the hyperparameters with the scalars of the best epoch alone.
    """

    def __init__(
        self,
        folder: Path,
        rows: Sequence[Epoch],
        *,
        unit: str,
        run: Path | None = None,
        model: str = "",
    ) -> None:
        """Begin with the epochs that are known; what stood there is replaced.

        Args:
            folder: where TensorBoard will look.
            rows: the history so far.
            unit: what its rows count.
            run: the run folder; None where ``folder`` is in it.
            model: which model of the run it is; empty for the first one.
        """
        load_keras()  # imports TensorFlow without its messages
        import tensorflow as tf

        shutil.rmtree(folder, ignore_errors=True)
        self._tf = tf
        self._unit = unit
        self._writer: Any = tf.summary.create_file_writer(str(folder))
        self._best: Any = tf.summary.create_file_writer(str(folder / _BEST))
        self._has_graph = False
        from tensorboard.plugins.hparams import api

        found = run or folder.parent
        parameters = _hyperparameters(_config(found))
        with self._best.as_default(step=0):
            name = f"{parameters['model']} {found.name} {model}".strip()
            api.hparams(parameters, trial_id=name)
        for row in rows:
            self.add(row)

    def add(self, row: Epoch) -> None:
        """Write an epoch's points, so that TensorBoard shows them at once."""
        scalar = self._tf.summary.scalar
        measured = {name: getattr(row, name) for name in COLUMNS}
        known = {name: x for name, x in measured.items() if not math.isnan(x)}
        with self._writer.as_default(step=row.epoch):
            for name, value in known.items():
                scalar(f"{self._unit}s/{name}", value)
        self._writer.flush()
        if row.is_best:
            with self._best.as_default(step=row.epoch):
                scalar(f"{_BEST}/{self._unit}", row.epoch)
                for name, value in known.items():
                    if COLUMNS[name].better:
                        scalar(f"{_BEST}/{name}", value)
            self._best.flush()

    def add_network(self, model: Any, epoch: int) -> None:
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
        """Close the files; the table of hyperparameters calls the run a success."""
        from tensorboard.plugins.hparams import api_pb2, summary

        ended = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        with self._best.as_default(step=0):
            self._tf.summary.experimental.write_raw_pb(ended.SerializeToString())
        self._best.close()
        self._writer.close()


def write_curves(history: Path, folder: Path) -> None:
    """Convert a ``history.csv`` to what TensorBoard shows.

    Args:
        history: the file in its run folder.
        folder: where TensorBoard will look; what stood there is replaced.

    Raises:
        DataError: if the history is broken.
    """
    config = _config(history.parent)
    unit = unit_of(config["recipe"], of_run=history.name == HISTORY_FILE)
    TensorBoardWriter(
        folder,
        read_history(history),
        unit=unit,
        run=history.parent,
        model=history.stem.removeprefix("history").removeprefix("-"),
    ).close()


def _config(run: Path) -> Mapping[str, Any]:
    return read_toml(run / CONFIG_FILE)


def _hyperparameters(config: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """Return a run's model and recipe, as TensorBoard's table takes them."""
    recipe = config["recipe"]
    flat = {"model": config["run"]["name"]}
    flat |= {key: recipe[key] for key in recipe if key not in _TABLES}
    for table in _TABLES:
        flat |= {f"{table}.{key}": value for key, value in recipe[table].items()}
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in flat.items()
    }
