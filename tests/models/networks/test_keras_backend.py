import pytest
from child import run_python


@pytest.fixture(autouse=True)
def as_it_comes(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)


@pytest.mark.slow
def test_keras_comes_on_tensorflow_without_a_word():
    done = run_python(
        "from numerai_pipeline.models import load_keras\n"
        "keras = load_keras()\n"
        "print(keras.backend.backend())",
        KERAS_BACKEND="jax",
    )
    assert done.stdout.split() == ["tensorflow"]
    assert done.stderr == ""


def test_what_is_held_back_is_shown_after_an_error():
    done = run_python(
        "import os\n"
        "from numerai_pipeline.models.networks.keras_backend import _held_back_stderr\n"
        "try:\n"
        "    with _held_back_stderr():\n"
        "        os.write(2, b'cannot load the driver')\n"
        "        raise ImportError\n"
        "except ImportError:\n"
        "    os.write(2, b', so nothing works')\n"
    )
    assert done.stderr == "cannot load the driver, so nothing works"
