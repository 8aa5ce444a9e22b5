import warnings

import pytest


@pytest.fixture(autouse=True)
def _numpy_and_tensorflow():
    """TensorFlow's arrays do not know numpy 2's `copy` yet; harmless."""
    warnings.filterwarnings(
        "ignore", message="__array__ implementation", category=DeprecationWarning
    )
