import os
import subprocess
import sys


def run(code, **environment):
    clean = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**clean, **environment},
    )


def test_keras_comes_on_tensorflow_without_a_word():
    done = run(
        "from numerai_pipeline.models import load_keras\n"
        "keras = load_keras()\n"
        "print(keras.backend.backend())",
        KERAS_BACKEND="jax",
    )
    assert done.stdout.split() == ["tensorflow"]
    assert done.stderr == ""


def test_what_is_held_back_is_shown_after_an_error():
    done = run(
        "import os\n"
        "from numerai_pipeline.models.networks.quiet_keras import _held_back_stderr\n"
        "try:\n"
        "    with _held_back_stderr():\n"
        "        os.write(2, b'cannot load the driver')\n"
        "        raise ImportError\n"
        "except ImportError:\n"
        "    os.write(2, b', so nothing works')\n"
    )
    assert done.stderr == "cannot load the driver, so nothing works"
