"""Trains networks so that a killed training goes on exactly; see ``fitting``."""

from typing import cast

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import KerasTraining, TrainingTable, load_keras
from numerai_pipeline.training.assignment import Assignment

PACKAGES = ("keras", "tensorflow")


def unit(training: TrainingTable) -> str:
    """Tell what the history counts: epochs, or rolling windows."""
    return "window" if cast(KerasTraining, training).window_eras else "epoch"


def device(_training: TrainingTable) -> str:
    """Name what networks are trained on, such as ``cpu`` or ``gpu x 2``."""
    from numerai_pipeline.training.networks.steps import Devices

    return str(Devices.found())


def fit(assignment: Assignment) -> None:
    """Train a network, or one a window, up to the last epoch.

    Raises:
        ConfigError: if no window fits into the eras, the devices are too many, or
            a step does not fit into memory.
        DataError: if a checkpoint is broken or the loss becomes NaN.
    """
    load_keras()
    import tensorflow as tf

    from numerai_pipeline.training.networks.fitting import Eras, fit_network
    from numerai_pipeline.training.networks.windows import fit_windows

    training = cast(KerasTraining, assignment.plan.checked.training)
    if training.deterministic:
        # It holds for the rest of the process; TensorFlow has no way back.
        tf.config.experimental.enable_op_determinism()
    try:
        if training.window_eras:
            fit_windows(assignment, training)
        else:
            fit_network(assignment, Eras())
    except tf.errors.ResourceExhaustedError as error:
        raise ConfigError(
            f"a step of '{assignment.plan.job.name}' does not fit into memory. Lower "
            f"batch_rows ({training.batch_rows}), or make the network smaller, then "
            "train again."
        ) from error
