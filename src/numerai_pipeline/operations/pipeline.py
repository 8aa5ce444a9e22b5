"""What every step of the work is handed: where, how, and with which clock."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from numerai_pipeline.core import (
    SILENT,
    Clock,
    ConfigError,
    Progress,
    Settings,
    SystemClock,
    Workspace,
    commented_toml,
    load_settings,
    write_text,
)
from numerai_pipeline.data import EtlOptions
from numerai_pipeline.submission import Ledger, LedgerRow
from numerai_pipeline.tournament import Tournament, connect


@dataclass(frozen=True)
class Pipeline:
    """A workspace with its settings, ready for the steps of this room.

    The environment is handed in, so that a caller decides which keys and which
    API URL are seen; by default it is the process's own.
    """

    workspace: Workspace
    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    progress: Progress = field(default=SILENT, repr=False)

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        progress: Progress = SILENT,
    ) -> "Pipeline":
        """Open the workspace at ``root``.

        Raises:
            ConfigError: if its ``numerai.toml`` is missing or wrong.
        """
        workspace = Workspace(root)
        return cls(
            workspace=workspace,
            settings=load_settings(workspace.settings_path),
            clock=clock or SystemClock(),
            environ=os.environ if environ is None else environ,
            progress=progress,
        )

    @cached_property
    def tournament(self) -> Tournament:
        """The tournament of the settings; nothing is asked of it yet."""
        return connect(self.settings.tournament, clock=self.clock, environ=self.environ)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of the settings, made where there is none."""
        return Ledger(self._ledger_url)

    def read_ledger(self) -> list[LedgerRow]:
        """Return the ledger's rows, oldest first; nothing is made or written."""
        return Ledger(self._ledger_url, read_only=True).rows()

    @property
    def _ledger_url(self) -> str:
        url = self.settings.submission.ledger
        scheme, _, path = url.partition(":///")
        if url and not (scheme.startswith("sqlite") and path):
            return url
        # Of the workspace, wherever the command is called: a second ledger would break
        # at-most-once.
        file = self.workspace.root / (path or self.workspace.ledger_path.name)
        return f"{scheme or 'sqlite'}:///{file.absolute().as_posix()}"

    @property
    def data_dir(self) -> Path:
        """Folder of the downloaded files of the settings' release."""
        return self.workspace.data_dir(self.settings.data.version)

    @property
    def shards_dir(self) -> Path:
        """Folder of the settings' shards."""
        return self.workspace.shards_dir(self.settings.data.shards)

    def shards_dir_of(self, options: EtlOptions) -> Path:
        """Folder for shards with these options: live rows have one of their own."""
        return self.workspace.shards_dir("live") if options.is_live else self.shards_dir


def create_workspace(
    root: Path, settings: Settings | None = None, *, force: bool = False
) -> Path:
    """Write a ``numerai.toml`` with every key, its value and the reason for it.

    Returns:
        The path of the file.

    Raises:
        ConfigError: if there is one and ``force`` is not given.
    """
    path = Workspace(root).settings_path
    if path.exists() and not force:
        raise ConfigError(
            f"{path} exists. Edit it, or pass --force to start from the defaults."
        )
    write_text(path, commented_toml(settings or Settings()))
    return path
