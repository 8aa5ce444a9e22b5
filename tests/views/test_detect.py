import pytest

from numerai_pipeline.views import TerminalProgress, detect_progress
from numerai_pipeline.views.detect import may_open_window


@pytest.mark.parametrize(
    ("platform", "environ", "may"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0", "NAI_WINDOW": "0"}, False),
        ("linux", {"DISPLAY": ":0", "NAI_WINDOW": "1"}, True),
        ("linux", {"DISPLAY": ":0", "MPLBACKEND": "Agg"}, False),
        ("linux", {"DISPLAY": ":0", "MPLBACKEND": "QtAgg"}, True),
        ("linux", {"DISPLAY": ":0", "MPLBACKEND": "module://inline"}, False),
        # X11 over the network is what the original used.
        ("linux", {"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a b"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "a b"}, False),
        ("win32", {}, True),
    ],
)
def test_a_window_needs_somebody_before_a_display(platform, environ, may):
    assert may_open_window(environ, platform, is_terminal=True) == may
    assert not may_open_window(environ, platform, is_terminal=False)


def test_outside_of_a_notebook_it_is_the_terminal():
    assert isinstance(detect_progress(), TerminalProgress)
