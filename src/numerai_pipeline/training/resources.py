"""How many trainings this machine does at a time."""

import os

from numerai_pipeline.core import memory_bytes
from numerai_pipeline.models import Engine

# Of the machine's memory; the rest is for the system and other programs.
RAM_SHARE = 0.75

# Memory per value of the rows, and of a process before it has any rows. The engines
# plan exactly, when they know the rows; this is what is known before anything is read.
_BYTES: dict[Engine, tuple[float, int]] = {
    "keras": (1 / 3, 1300 << 20),
    "lightgbm": (0.5, 500 << 20),
    "xgboost": (2.1, 500 << 20),
    "catboost": (1.0, 500 << 20),
    # The products of all features, however many rows there are.
    "ridge": (0.0, 620 << 20),
    # One matrix of float32; how much an estimator adds to it is its own affair.
    "estimator": (4.0, 500 << 20),
}


# On fewer values hundreds of trees grow while a process starts, which takes 2 seconds.
_LEAST_VALUES = 2_000_000


def planned_bytes(engine: Engine, n_values: int) -> int:
    """Return about how much memory a training takes.

    Args:
        engine: what trains.
        n_values: features of all rows to learn from and to choose by.
    """
    of_value, of_process = _BYTES[engine]
    return of_process + int(of_value * n_values)


def allowed_bytes(max_ram_bytes: int | None) -> int:
    """Return the memory that training may take; None: the default share."""
    return max_ram_bytes or int(RAM_SHARE * memory_bytes())


def n_parallel(engine: Engine, n_jobs: int, n_values: int, allowed: int) -> int:
    """Return how many trainings to do at a time by default.

    Args:
        engine: what trains.
        n_jobs: how many there are.
        n_values: features of all rows of the largest one.
        allowed: memory of all together, in bytes.
    """
    # A network uses all cores, and a GPU has room for one; CatBoost takes all cores,
    # whatever the environment says; so does the decomposition of ridge, and what an
    # estimator takes is not known.
    if engine not in ("lightgbm", "xgboost") or n_values < _LEAST_VALUES:
        return 1
    fitting = allowed // planned_bytes(engine, n_values)
    return max(1, min(n_jobs, n_cores(), fitting))


def n_cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
