"""A user's own families: files in the workspace's folder ``zoo``, a family each."""

import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

from numerai_pipeline.core import ConfigError, DataError, digest_of
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.parts import KerasParameters
from numerai_pipeline.models.networks.quiet_keras import load_keras
from numerai_pipeline.models.registry import is_ours, register_user_families

# Keras must come by `load_keras`, which chooses its backend.
_IMPORTS_KERAS = re.compile(r"^\s*(?:import|from)\s+(?:keras|tensorflow)\b", re.M)


def load_user_families(folder: Path) -> tuple[KerasFamily, ...]:
    """Read a workspace's own families and make them known to ``family``.

    They take the place of those that were read before.

    Args:
        folder: the workspace's ``zoo``; may be missing. Each ``*.py`` in it, unless
            its name begins with ``_``, has one ``FAMILY = KerasFamily(...)``.

    Raises:
        ConfigError: if a file cannot be run, has no ``FAMILY``, or a name is taken.
    """
    files = [f for f in sorted(folder.glob("*.py")) if not f.name.startswith("_")]
    found: dict[str, KerasFamily] = {}
    for file in files:
        kind = read_user_family(file)
        if kind.name in found or is_ours(kind.name):
            raise ConfigError(
                f"{file}: there is a family '{kind.name}' already. Give this one "
                "another name."
            )
        found[kind.name] = kind
    register_user_families(found.values())
    return tuple(found.values())


def read_user_family(file: Path) -> KerasFamily:
    """Run a file and return its ``FAMILY``, without making it known.

    Raises:
        ConfigError: if the file cannot be run, or has no ``FAMILY``.
        DataError: if the file cannot be read.
    """
    try:
        return _run(file, file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error}).") from error


@cache
def _run(file: Path, text: str) -> KerasFamily:
    """Run a file once in this process, as long as its text stays the same."""
    if _IMPORTS_KERAS.search(text):
        load_keras()
    name = f"numerai_pipeline_zoo_{file.stem}_{digest_of([str(file), text])[:8]}"
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # pydantic looks for its annotations there
    try:
        exec(compile(text, str(file), "exec"), module.__dict__)  # noqa: S102 - theirs
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        what = f"{type(error).__name__}: {error}{_line(error, file)}"
        raise ConfigError(f"{file} cannot be run: {what}.") from error
    kind = getattr(module, "FAMILY", None)
    if not isinstance(kind, KerasFamily):
        found = "has none" if kind is None else f"has a {type(kind).__name__}"
        raise ConfigError(
            f"{file} must have FAMILY = KerasFamily(...), but {found}. See docs/zoo.md."
        )
    if not issubclass(kind.Parameters, KerasParameters):
        raise ConfigError(
            f"{file}: the Parameters of '{kind.name}' must be a subclass of "
            f"KerasParameters, but they are a {kind.Parameters.__name__}."
        )
    return replace(kind, source=text)


def _line(error: BaseException, file: Path) -> str:
    """Return where in the file it happened."""
    if isinstance(error, SyntaxError):
        return ""  # its text tells
    numbers = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            numbers.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" (line {numbers[-1]})" if numbers else ""
