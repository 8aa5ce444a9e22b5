"""How a call finds its workspace, and turns records into frames."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from numerai_pipeline.api import Pipeline
from numerai_pipeline.core import memory_bytes, parse_bytes
from numerai_pipeline.views import detect_progress

# A folder; the present one by default, as on the command line.
Folder = str | Path
# One name, or several.
Names = str | list[str] | tuple[str, ...]


def open_workspace(workspace: Folder) -> Pipeline:
    """Open a workspace with the progress that fits this process.

    Raises:
        ConfigError: if it has no ``numerai.toml`` or a wrong one.
    """
    return Pipeline.open(Path(workspace), progress=detect_progress())


def names_of(names: Names) -> tuple[str, ...]:
    """Return names as a tuple, one or several.

    >>> names_of("mlp"), names_of(["mlp", "cnn"])
    (('mlp',), ('mlp', 'cnn'))
    """
    return (names,) if isinstance(names, str) else tuple(names)


def size_of(text: str | int | None) -> int | None:
    """Return a size of memory such as ``"6GB"`` or ``"50%"`` in bytes."""
    return parse_bytes(text, whole=memory_bytes()) if isinstance(text, str) else text


def frame_of(records: Iterable[Any], index: str) -> pd.DataFrame:
    """Return records, dataclasses or mappings, as a frame with one as its index."""
    rows = [
        dict(record) if isinstance(record, Mapping) else asdict(record)
        for record in records
    ]
    frame = pd.DataFrame(rows)
    return frame.set_index(index) if rows else frame
