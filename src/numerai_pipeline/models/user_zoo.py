"""A user's own families: files in the workspace's folder ``zoo``, one family each."""

import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType

from numerai_pipeline.core import ConfigError, DataError, PipelineError, digest_of
from numerai_pipeline.models.estimators.family import (
    EstimatorFamily,
    EstimatorParameters,
)
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import KerasParameters
from numerai_pipeline.models.protocol import Family
from numerai_pipeline.models.registry import ENSEMBLE, families, family
from numerai_pipeline.models.user_code import line_of

UserFamily = KerasFamily | EstimatorFamily

# Keras must first be imported by `load_keras`, which chooses its backend.
_IMPORTS_KERAS = re.compile(r"^\s*(?:import|from)\s+(?:keras|tensorflow)\b", re.M)

# A file that only defines a family runs in milliseconds; Keras is imported first.
_LIMIT_SECONDS = 30.0


@dataclass(frozen=True)
class UserFamilies:
    """The families of a workspace's ``zoo``.

    Attributes:
        found: one per file that can be run, in the order of the files.
        broken: the error of each other file.
    """

    found: tuple[UserFamily, ...] = ()
    broken: tuple[PipelineError, ...] = ()

    def family(self, name: str) -> Family:
        """Return a family by its name, a built-in one or the user's.

        Raises:
            ConfigError: if the name is unknown; broken files, which may define it, are
                named.
        """
        try:
            return family(name, self.found)
        except ConfigError as error:
            if not self.broken:
                raise
            reasons = " ".join(str(broken) for broken in self.broken)
            raise ConfigError(
                f"{error} These files could not be used: {reasons}"
            ) from None


def load_user_families(folder: Path) -> UserFamilies:
    """Read a workspace's own families.

    A broken file does not affect the others.

    Args:
        folder: the workspace's ``zoo``; may be missing. Each ``*.py`` in it, unless
            its name begins with ``_``, must define ``FAMILY``, a ``KerasFamily`` or an
            ``EstimatorFamily``.
    """
    files = [f for f in sorted(folder.glob("*.py")) if not f.name.startswith("_")]
    taken = {ENSEMBLE, *(kind.name for kind in families())}
    found: list[UserFamily] = []
    broken: list[PipelineError] = []
    for file in files:
        try:
            kind = read_user_family(file)
            if kind.name in taken:
                raise ConfigError(
                    f"{file}: there is a family '{kind.name}' already. Give this one "
                    "another name."
                )
        except PipelineError as error:
            broken.append(error)
            continue
        taken.add(kind.name)
        found.append(kind)
    return UserFamilies(tuple(found), tuple(broken))


def read_user_family(file: Path) -> UserFamily:
    """Run a file and return its ``FAMILY``.

    Raises:
        ConfigError: if the file cannot be run, or has no ``FAMILY``.
        DataError: if the file cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error}).") from error
    return run_user_family(text, file)


@cache
def run_user_family(
    text: str, file: Path, *, limit_seconds: float = _LIMIT_SECONDS
) -> UserFamily:
    """Run the text of a family's file, once per process unless it changes.

    Args:
        text: the content of the file.
        file: its path, for errors; it need not exist.
        limit_seconds: time limit; it needs the main thread and does not work on
            Windows.

    Raises:
        ConfigError: if it cannot be run, or has no ``FAMILY``.
    """
    if _IMPORTS_KERAS.search(text):
        load_keras()
    name = f"numerai_pipeline_zoo_{file.stem}_{digest_of([str(file), text])[:8]}"
    module = ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # pydantic looks for its annotations there
    try:
        # What it prints must not come between a command's own output, such as JSON.
        with _time_limit(limit_seconds), redirect_stdout(sys.stderr):
            exec(compile(text, str(file), "exec"), module.__dict__)  # noqa: S102
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except _TookTooLong:
        del sys.modules[name]
        raise ConfigError(
            f"{file} ran longer than {limit_seconds:g} s when it was imported. Move "
            "its work into build."
        ) from None
    except BaseException as error:
        del sys.modules[name]
        what = f"{type(error).__name__}: {error}{line_of(error, str(file))}"
        raise ConfigError(f"{file} cannot be run: {what}.") from error
    return _checked(getattr(module, "FAMILY", None), module, text)


def _checked(kind: object, module: ModuleType, text: str) -> UserFamily:
    """Return a file's ``FAMILY`` with where it comes from."""
    file = str(module.__file__)
    if not isinstance(kind, KerasFamily | EstimatorFamily):
        found = "it is missing" if kind is None else f"it is a {type(kind).__name__}"
        raise ConfigError(
            f"{file} must define FAMILY = KerasFamily(...) or EstimatorFamily(...), "
            f"but {found}. See docs/zoo.md."
        )
    is_network = isinstance(kind, KerasFamily)
    base = KerasParameters if is_network else EstimatorParameters
    if not issubclass(kind.Parameters, base):
        raise ConfigError(
            f"{file}: the Parameters of '{kind.name}' must be a subclass of "
            f"{base.__name__}, but they are a {kind.Parameters.__name__}."
        )
    if isinstance(kind, KerasFamily):
        return replace(kind, source=text)
    return replace(kind, source=text, module=module.__name__, file=file)


class _TookTooLong(BaseException):
    """Not an Exception: a bare ``except Exception`` in the file cannot swallow it."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and hasattr(signal, "setitimer")):
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
