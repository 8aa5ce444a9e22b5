"""The scripted server, until tests/conftest.py loads it for all rooms."""

import importlib.util
import sys
from pathlib import Path

_path = Path(__file__).parents[1] / "scripted_server.py"
_spec = importlib.util.spec_from_file_location("scripted_server", _path)
_module = importlib.util.module_from_spec(_spec)
sys.modules["scripted_server"] = _module
_spec.loader.exec_module(_module)

scripted_server = _module.scripted_server
clock = _module.clock
tournament = _module.tournament
