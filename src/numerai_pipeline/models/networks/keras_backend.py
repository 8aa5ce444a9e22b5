"""The one place that imports Keras, with TensorFlow as its backend and quietly."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

# 0 info, 1 warnings, 2 errors, 3 fatal; messages from this level on are printed.
_LOG_LEVEL_VARIABLE = "TF_CPP_MIN_LOG_LEVEL"


@cache
def load_keras() -> Any:
    """Import Keras with TensorFlow and return the module; it takes a few seconds once.

    GPUs get memory growth, so that a second process can use the same GPU.
    TensorFlow writes a dozen lines to stderr while it is imported and searches for
    GPUs, before its own log level applies. They are shown only if the import fails or
    if the user set ``TF_CPP_MIN_LOG_LEVEL``.
    """
    is_asked_for = _LOG_LEVEL_VARIABLE in os.environ
    os.environ.setdefault(_LOG_LEVEL_VARIABLE, "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if is_asked_for:
        return _import()
    with _held_back_stderr():
        return _import()


def _import() -> Any:
    import keras
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        # Too late if TensorFlow was already used in this process.
        with suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, enable=True)
    return keras


@contextmanager
def _held_back_stderr() -> Iterator[None]:
    """Keep what C++ code writes to file descriptor 2; show it after an error."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
