"""Checksums of checkpoints, which find those that were changed.

A library loads most damaged files without an error and goes on with other trees, so a
checkpoint is verified before a library reads it.
"""

from pathlib import Path

from numerai_pipeline.core import DataError, read_json, retrain, sha256_of, write_json

_NAME = "sha256.json"


class CheckpointChecksums:
    """The checksums of the files in a folder of checkpoints."""

    def __init__(self, checkpoints: Path) -> None:
        self._folder = checkpoints
        self._remedy = retrain(checkpoints)
        # Name and time of writing -> checksum: each file is read once.
        self._known: dict[tuple[str, int], str] = {}

    def check(self) -> None:
        """Compare the files with their checksums.

        A missing file is not an error here: a kill between a new checkpoint and its
        checksum leaves the checksums of older ones. Whatever needs the file reports it.

        Raises:
            DataError: if a file is not what was written.
        """
        path = self._folder / _NAME
        if not path.is_file():
            return
        checksums = read_json(path, remedy=self._remedy)
        if not isinstance(checksums, dict):
            raise DataError(f"{path} holds no checksums. {self._remedy}")
        for name, sha256 in checksums.items():
            file = self._folder / name
            if file.is_file() and sha256_of(file) != sha256:
                raise DataError(
                    f"{file} is not the checkpoint that was written. {self._remedy}"
                )

    def write(self) -> None:
        """Write the checksums of all files as they are now."""
        checksums = {}
        for file in sorted(self._folder.iterdir()):
            if file.is_file() and not file.name.startswith(".") and file.name != _NAME:
                key = (file.name, file.stat().st_mtime_ns)
                if key not in self._known:
                    self._known[key] = sha256_of(file)
                checksums[file.name] = self._known[key]
        write_json(self._folder / _NAME, checksums)
