"""A saved estimator: one zip file that names the libraries that wrote it, signed.

``estimator.json`` in it lists the checksum of every other file, and its signature
covers the list. The rest is a pickle, or what the estimator's own ``save`` wrote.
"""

import io
import json
import pickle
import platform
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    atomic_path,
    retrain,
    sha256_of,
)
from numerai_pipeline.models.estimators.checked import class_of
from numerai_pipeline.models.estimators.signing import check_signature, sign
from numerai_pipeline.models.user_code import running

_ABOUT, _PICKLE, _FOLDER = "estimator.json", "estimator.pickle", "folder"

_IMPORTED = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.M)

# The first moment of a zip file: the same estimator makes the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)

_OWN_PACKAGE = "numerai-pipeline"


@dataclass(frozen=True)
class Origin:
    """Where an estimator comes from.

    Attributes:
        who: the model, for errors.
        module: name of the module that a user's file is; empty for a built-in family.
        file: the user's file, for errors.
        source: its text.
    """

    who: str
    module: str = ""
    file: str = ""
    source: str = ""


def save_estimator(
    estimator: Any, path: Path, origin: Origin, recipe: Mapping[str, Any]
) -> None:
    """Save an estimator, whole and signed.

    Args:
        estimator: saved by its own ``save(folder)`` if it has that, else pickled.
        path: the zip file.
        origin: where it comes from.
        recipe: what it was made from, for ``load_estimator``.

    Raises:
        ConfigError: if it cannot be saved.
    """
    name = class_of(estimator)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if callable(getattr(estimator, "save", None)):
            (folder / _FOLDER).mkdir()
            with running(f"{origin.who}: save of {name}", origin.file):
                estimator.save(folder / _FOLDER)
        else:
            _pickle(estimator, folder / _PICKLE, origin, name)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        names = {file.relative_to(folder).as_posix(): file for file in files}
        about = {
            "class": name,
            "python": platform.python_version(),
            "libraries": _libraries(estimator, origin.source),
            "recipe": recipe,
            "sha256": {name: sha256_of(file) for name, file in names.items()},
        }
        signature = sign(_message(about), path)
        text = json.dumps({**about, "signature": signature}, indent=2)
        with atomic_path(path) as partial, ZipFile(partial, "w") as archive:
            archive.writestr(_entry(_ABOUT), text)
            for name, file in names.items():
                archive.writestr(_entry(name), file.read_bytes())


@dataclass(frozen=True)
class SavedEstimator:
    """A saved estimator whose signature is good, not yet loaded.

    Attributes:
        path: the zip file.
        recipe: what it was made from.
    """

    path: Path
    recipe: Mapping[str, Any]
    _files: Mapping[str, bytes]

    @classmethod
    def read(cls, path: Path) -> "SavedEstimator":
        """Read a file and check it; nothing of it is run.

        Raises:
            DataError: if it is broken, was not saved by this workspace, or by another
                major version of a library.
        """
        try:
            with ZipFile(path) as archive:
                about = json.loads(archive.read(_ABOUT))
                signature = str(about.pop("signature"))
                check_signature(_message(about), signature, path)
                files = {name: archive.read(name) for name in about["sha256"]}
        except (
            BadZipFile,
            OSError,
            EOFError,
            AttributeError,
            KeyError,
            RuntimeError,
            TypeError,
            ValueError,
            zlib.error,
        ) as error:
            raise _broken(path, error) from error
        _check_files(files, about["sha256"], path)
        _check_versions(about, path)
        return cls(path, about["recipe"], files)

    def load(self, made: Any, origin: Origin) -> Any:
        """Return the estimator.

        Args:
            made: one that was made from the same recipe, for its own ``load(folder)``.
            origin: where it comes from.

        Raises:
            ConfigError: if it cannot be loaded.
        """
        name = class_of(made)
        with running(f"{origin.who}: load of {name}", origin.file):
            if _PICKLE in self._files:
                content = io.BytesIO(self._files[_PICKLE])
                return _Unpickler(content, origin.module).load()
            with TemporaryDirectory() as temporary:
                folder = Path(temporary) / _FOLDER
                folder.mkdir()
                for file, content_of_file in self._files.items():
                    target = Path(temporary) / file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content_of_file)
                loaded = made.load(folder)
            return made if loaded is None else loaded


class _Pickler(pickle.Pickler):
    """Names what a user's file defines without the file's module.

    The module has another name where the file lies elsewhere, as its copy in a run.
    """

    def __init__(self, file: Any, module: str) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._module = module

    def persistent_id(self, obj: Any) -> str | None:
        is_named = isinstance(obj, type | FunctionType)
        if not (is_named and self._module and obj.__module__ == self._module):
            return None
        name = obj.__qualname__
        # What has no name of its own, such as a lambda, pickle itself refuses.
        is_found = "<" not in name and _named(self._module, name) is obj
        return name if is_found else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, module: str) -> None:
        super().__init__(file)
        self._module = module

    def persistent_load(self, name: str) -> Any:
        return _named(self._module, name)


def _named(module: str, name: str) -> Any:
    return reduce(getattr, name.split("."), sys.modules[module])


def _pickle(estimator: Any, path: Path, origin: Origin, name: str) -> None:
    try:
        with (
            running(f"{origin.who}: pickling {name}", origin.file),
            path.open("wb") as file,
        ):
            _Pickler(file, origin.module).dump(estimator)
    except ConfigError as error:
        raise ConfigError(
            f"{str(error).removesuffix(' Fix it, then train again.')} Give the class "
            "methods save(folder) and load(folder), or leave out what cannot be "
            "pickled."
        ) from error.__cause__


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _DATE)
    entry.external_attr = 0o644 << 16
    return entry


def _message(about: Mapping[str, Any]) -> bytes:
    return json.dumps(about, sort_keys=True).encode()


def _libraries(estimator: Any, source: str) -> dict[str, str]:
    """Return the version of each library that an estimator needs, by its package."""
    kind = type(getattr(estimator, "wrapped", estimator))
    modules = {one.__module__.partition(".")[0] for one in kind.__mro__}
    modules.update(_IMPORTED.findall(source))
    names = {package for module in modules for package in _packages().get(module, ())}
    return {name: version(name) for name in sorted(names - {_OWN_PACKAGE})}


@cache
def _packages() -> Mapping[str, list[str]]:
    return packages_distributions()  # it reads the list of files of each package


def _check_files(
    files: Mapping[str, bytes], signed: Mapping[str, str], path: Path
) -> None:
    found = {name: sha256(content).hexdigest() for name, content in files.items()}
    if found != signed:
        raise _broken(path, "its checksums are not those that were signed")


def _check_versions(about: Mapping[str, Any], path: Path) -> None:
    """Refuse what another major version wrote: it may load, and predict otherwise."""
    for library, saved in about["libraries"].items():
        try:
            found = version(library)
        except PackageNotFoundError:
            found = "not installed"
        if found.partition(".")[0] != saved.partition(".")[0]:
            raise DataError(
                f"{path} was saved with {library} {saved}, but here it is {found}. "
                f"Install `{library}=={saved}`. Or: {retrain(path)}"
            )


def _broken(path: Path, reason: object) -> DataError:
    return DataError(
        f"{path} is not a whole saved estimator ({reason}). {retrain(path)}"
    )
