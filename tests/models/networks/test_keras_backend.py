from child import run_python


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
