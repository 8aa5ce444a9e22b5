"""The OpenMP library that LightGBM needs and its Linux wheel does not bring."""

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

    A system without ``libgomp1``, such as a minimal Debian, has none where the loader
    looks. The wheels of XGBoost and scikit-learn bring a copy each under a name of
    their own, which the loader does not take for the library: so a copy that carries
    the right name is loaded. Other systems than Linux need none of this.

    Args:
        soname: the name that is asked for.
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
                # What is loaded stays loaded, also after its file is gone.
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
    """Return the library under another name, which must not be longer."""
    # A name ends with a zero; zeros after it leave all else where it was.
    padded = new.encode().ljust(len(old), b"\0")
    return re.sub(re.escape(old.encode()) + rb"(?=\0)", padded, library)
