"""Uploads: a name is given out, bytes arrive under it, then they are used once.

The bytes come without a key, as they do at Numerai, so the name itself is the
secret: it ends in characters that cannot be guessed.
"""

import re
import secrets
from pathlib import Path, PurePath

from numerai_simulator.errors import Refusal
from numerai_simulator.server.state import State

# The most bytes of each kind. 6,900 live rows are 0.3 MB as CSV; the 3.5 M
# validation rows 140 MB; a pickle must fit in the 4 GB of Numerai's runner.
MAX_BYTES = {
    "submission": 64 << 20,
    "diagnostics": 512 << 20,
    "pickle": 1 << 30,
}


class Uploads:
    """The uploads of one simulated tournament."""

    def __init__(self, folder: Path, state: State) -> None:
        self._folder = folder / "uploads"
        self._state = state

    def reserve(self, kind: str, filename: str) -> str:
        """Return a new unique name for an upload.

        Args:
            kind: ``submission``, ``diagnostics`` or ``pickle``.
            filename: how the client calls its file.
        """
        wanted = PurePath(filename)
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", wanted.stem)[:60] or "upload"
        suffix = re.sub(r"[^A-Za-z0-9.]", "", wanted.suffix)[:10]
        name = f"{stem}-{secrets.token_hex(8)}{suffix}"
        self._state.run(
            "INSERT INTO uploads (filename, kind) VALUES (?, ?)", name, kind
        )
        return name

    def slot(self, name: str) -> tuple[Path, int]:
        """Return where an upload's bytes go, and how many may come.

        Raises:
            Refusal: if the name was never given out or is used up.
        """
        row = self._state.row("SELECT * FROM uploads WHERE filename = ?", name)
        if row is None:
            raise Refusal(f"no upload is expected under the name {name!r}.")
        if row["is_used"]:
            raise Refusal(f"the upload {name!r} is used: ask for a new name.")
        return self._folder / name, MAX_BYTES[row["kind"]]

    def arrived(self, kind: str, name: str) -> Path:
        """Return the file of an upload.

        Raises:
            Refusal: if nothing has arrived under that name.
        """
        row = self._state.row(
            "SELECT * FROM uploads WHERE filename = ? AND kind = ?", name, kind
        )
        path = self._folder / name
        if row is None or not path.is_file():
            raise Refusal(
                f"Could not find the uploaded file {name!r}: PUT it to the url of "
                "its upload auth first."
            )
        return path

    def use(self, name: str) -> None:
        """Close an upload: what was made of it must not change any more."""
        self._state.run("UPDATE uploads SET is_used = 1 WHERE filename = ?", name)

    def find(self, name: str) -> Path | None:
        """Return the file of a used upload, None if there is none."""
        row = self._state.row(
            "SELECT 1 FROM uploads WHERE filename = ? AND is_used", name
        )
        path = self._folder / name
        return path if row is not None and path.is_file() else None
