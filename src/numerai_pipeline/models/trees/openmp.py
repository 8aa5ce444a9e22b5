"""The OpenMP library that LightGBM needs and its Linux wheel does not include."""

import ctypes
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from numerai_pipeline.core import ConfigError

OPENMP = "libgomp.so.1"


def load_openmp(soname: str = OPENMP, *, packages: Iterable[str] | None = None) -> None:
    """Load OpenMP, so that LightGBM finds it loaded.

    A system without ``libgomp1``, such as a minimal Debian, has none. The wheels of
    XGBoost and scikit-learn each include a copy under another name, which the loader
    does not recognize: so a copy with the right name is loaded. Only Linux needs this.

    Args:
        soname: the name that LightGBM asks for.
        packages: folders that packages are installed in; by default those of this
            Python.

    Raises:
        ConfigError: if neither the system nor a package has it.
    """
    if sys.platform != "linux" or _loads(soname):
        return
    for folder in sys.path if packages is None else packages:
        for path in sorted(Path(folder).glob("*.libs/libgomp-*.so*")):
            with tempfile.NamedTemporaryFile(suffix=f"-{soname}") as copy:
                copy.write(_renamed(path.read_bytes(), path.name, soname))
                copy.flush()
                # It stays loaded after its file is deleted.
                if _loads(copy.name) and _loads(soname):
                    return
    raise ConfigError(
        f"LightGBM needs {soname}, which is not installed. Install it, on Debian or "
        "Ubuntu with: sudo apt install libgomp1"
    )


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def _renamed(library: bytes, old: str, new: str) -> bytes:
    """Return the library with another name, which must not be longer."""
    # A name ends with a zero byte; padding with zeros keeps all offsets.
    padded = new.encode().ljust(len(old), b"\0")
    return re.sub(re.escape(old.encode()) + rb"(?=\0)", padded, library)
