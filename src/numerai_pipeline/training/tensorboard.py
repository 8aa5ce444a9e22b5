"""What TensorBoard shows of a run, on request."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numerai_pipeline.core import SystemClock, read_toml
from numerai_pipeline.training.history import (
    COLUMNS,
    Epoch,
    plural_of,
    read_history,
    unit_of,
)
from numerai_pipeline.training.run import CONFIG_FILE, HISTORY_FILE

_TABLES = ("parameters", "training")

_WEIGHTS = "weights"
# A run of its own for TensorBoard: its table of hyperparameters shows every scalar of
# the run that holds them, by its last value.
_BEST = "best"
# The table sorts its columns: the scores come first.
_BEST_AT = "best_at"


class EventFile:
    """A file of events that TensorBoard reads; written without TensorFlow.

    Importing that takes seconds, which trees need not wait for.

    Args:
        folder: where TensorBoard will look; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard takes every file with `tfevents` in its name, and would not see
        # that another one has taken the place of one that it reads.
        began = f"{SystemClock().now():%Y%m%dT%H%M%S}"
        self._file = (folder / f"events.out.tfevents.{began}").open("wb")
        self._records: Any = RecordWriter(self._file)
        self.add(0, file_version="brain.Event:2")

    def add(self, step: int, **content: Any) -> None:
        """Add an event.

        Args:
            step: the epoch.
            content: one field of TensorBoard's ``Event``, such as ``summary``.
        """
        from tensorboard.compat.proto.event_pb2 import Event

        now = SystemClock().now().timestamp()
        event = Event(wall_time=now, step=step, **content)
        self._records.write(event.SerializeToString())

    def add_scalar(self, step: int, tag: str, value: float) -> None:
        """Add a point of a curve."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self.add(step, summary=scalar_pb(tag, value))

    def flush(self) -> None:
        """Let TensorBoard see what was added."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        shutil.rmtree(folder, ignore_errors=True)
        self._unit, self._units = unit, plural_of(unit)
        self._curves, self._best = EventFile(folder), EventFile(folder / _BEST)
        self._has_graph = False
        found = run or folder.parent
        parameters = _hyperparameters(_config(found))
        # The end of a run's name: the table has no room for all of it.
        end = found.name.rpartition("-")[2]
        name = f"{parameters['model']} {end} {model}".strip()
        self._best.add(0, summary=hparams_pb(parameters, trial_id=name))
        for row in rows:
            self.add(row)

    def add(self, row: Epoch) -> None:
        """Write an epoch's points, so that TensorBoard shows them at once."""
        measured = {name: getattr(row, name) for name in COLUMNS}
        known = {name: x for name, x in measured.items() if not math.isnan(x)}
        for name, value in known.items():
            self._curves.add_scalar(row.epoch, f"{self._units}/{name}", value)
        self._curves.flush()
        if row.is_best:
            self._best.add_scalar(row.epoch, f"{_BEST_AT}/{self._unit}", row.epoch)
            for name, value in known.items():
                if COLUMNS[name].better:
                    self._best.add_scalar(row.epoch, f"{_BEST}/{name}", value)
            self._best.flush()

    def add_network(self, model: Any, epoch: int) -> None:
        """Write a network's weights as histograms and, once, its graph.

        Args:
            model: a Keras network with one input.
            epoch: the epoch that is over.
        """
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb

        if not self._has_graph:
            self._has_graph = True
            self._curves.add(epoch, graph_def=_graph_of(model))
        for weight in model.weights:
            # Not the states of random generators.
            if "float" in str(weight.dtype):
                values = weight.numpy().astype("float32")
                summary = histogram_pb(f"{_WEIGHTS}/{weight.path}", values)
                self._curves.add(epoch, summary=summary)

    def close(self) -> None:
        """Close the files; the table of hyperparameters calls the run a success."""
        self._best.add(0, summary=_end_of_session())
        self._best.close()
        self._curves.close()


def _end_of_session() -> Any:
    """Return what the table of hyperparameters takes for a success."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    ended = plugin_data_pb2.SessionEndInfo(
        status=api_pb2.STATUS_SUCCESS, end_time_secs=SystemClock().now().timestamp()
    )
    content = plugin_data_pb2.HParamsPluginData(session_end_info=ended)
    value = Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(content),
        tensor=metadata.NULL_TENSOR,
    )
    return Summary(value=[value])


def _graph_of(model: Any) -> bytes:
    """Return the graph of a network, as an event has it."""
    import tensorflow as tf

    inputs = tf.TensorSpec((None, *model.input_shape[1:]))
    traced = tf.function(lambda x: model(x, training=False))
    graph = traced.get_concrete_function(inputs).graph.as_graph_def()
    return bytes(graph.SerializeToString())


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
