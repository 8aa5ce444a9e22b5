"""The key of a workspace, which signs what it saves and would unpickle.

A pickle is a program, so none is loaded that this workspace did not write.
"""

import hmac
import secrets
from pathlib import Path

from numerai_pipeline.core import (
    SILENT,
    DataError,
    Workspace,
    atomic_path,
    locked,
    retrain,
)

_KEY_BYTES = 32

_RESTORE = "Restore it, or delete it and train the models with estimators again."


def sign(message: bytes, path: Path) -> str:
    """Return the signature of what will be saved at a path, 64 hex digits.

    The key is made if the workspace has none.
    """
    key = _key_path(path)
    if not key.exists():
        with locked(key, doing="making a key", on_wait=SILENT.note):
            _make(key)
    return hmac.digest(_read(key), message, "sha256").hex()


def check_signature(message: bytes, signature: str, path: Path) -> None:
    """Check that this workspace has saved what stands at a path.

    Raises:
        DataError: if it has not, or the key is missing or broken.
    """
    key = _key_path(path)
    found = hmac.digest(_read(key), message, "sha256").hex() if key.exists() else ""
    if not hmac.compare_digest(found.encode(), signature.encode()):
        raise DataError(
            f"{path} was not saved by this workspace, or was changed, so it is not "
            f"loaded: a saved estimator can run any code. {retrain(path)} If you trust "
            f"where it comes from, copy {key.name} of that workspace to {key} first."
        )


def _key_path(path: Path) -> Path:
    """Return where the key of a saved estimator's workspace is.

    It is not looked for in the folders of a run or of a model, which may have been
    copied from elsewhere. A run outside of a workspace has it beside its folder.
    """
    path = path.absolute()
    for root in reversed(path.parents):
        workspace = Workspace(root)
        if path.is_relative_to(workspace.models_dir) and (
            workspace.settings_path.is_file()
        ):
            return workspace.estimators_key
    run = next((p.parent for p in path.parents if p.name == "checkpoints"), path)
    return Workspace(run.parent).estimators_key


def _make(key: Path) -> None:
    if key.exists():  # another process was first
        return
    with atomic_path(key) as partial:
        partial.touch(mode=0o600)
        partial.write_bytes(secrets.token_bytes(_KEY_BYTES))


def _read(key: Path) -> bytes:
    try:
        content = key.read_bytes()
    except OSError as error:
        raise DataError(f"{key} cannot be read ({error}). {_RESTORE}") from error
    if len(content) != _KEY_BYTES:
        raise DataError(
            f"{key} has {len(content)} bytes instead of {_KEY_BYTES}. {_RESTORE}"
        )
    return content
