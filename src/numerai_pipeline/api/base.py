"""What every command works on: a workspace with settings, clock, keys and progress."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from numerai_pipeline.core import (
    SILENT,
    Clock,
    ConfigError,
    Progress,
    Settings,
    SystemClock,
    Workspace,
    load_settings,
)

if TYPE_CHECKING:
    from numerai_pipeline.api.results import Step
    from numerai_pipeline.submission import Ledger
    from numerai_pipeline.tournament import Tournament


class Base:
    """A workspace, opened when it is first needed: ``init`` has no settings yet.

    Args:
        root: the workspace's folder.
        clock: by default the system's.
        environ: the environment with keys and API URL; by default the process's own.
        progress: receives the progress of long work.
        show_step: called with each step of the demo when it is done.
    """

    def __init__(
        self,
        root: str | Path = ".",
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        progress: Progress = SILENT,
        show_step: "Callable[[Step], None] | None" = None,
    ) -> None:
        self.workspace = Workspace(Path(root))
        self.clock = clock or SystemClock()
        self.environ = os.environ if environ is None else environ
        self.progress = progress
        self.show_step = show_step

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.workspace.root)!r})"

    @cached_property
    def settings(self) -> Settings:
        """The settings of ``numerai.toml``.

        Raises:
            ConfigError: if the file is missing or wrong.
        """
        return load_settings(self.workspace.settings_path)

    @cached_property
    def tournament(self) -> "Tournament":
        """The tournament of the settings; no request is made yet."""
        from numerai_pipeline.tournament import connect

        return connect(self.settings.tournament, clock=self.clock, environ=self.environ)

    @cached_property
    def ledger(self) -> "Ledger":
        """The ledger of the settings, created where it does not exist."""
        from numerai_pipeline.submission import Ledger

        return Ledger(self._ledger_url)

    def read_ledger(self) -> "Ledger":
        """Return the ledger to read: nothing is created or written."""
        from numerai_pipeline.submission import Ledger

        return Ledger(self._ledger_url, read_only=True)

    @property
    def _ledger_url(self) -> str:
        url = self.settings.submission.ledger
        scheme, _, path = url.partition(":///")
        if url and not (scheme.startswith("sqlite") and path):
            return url
        # Relative to the workspace, wherever the command is run: a second ledger would
        # break at-most-once.
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

    @property
    def model_names(self) -> list[str]:
        """Names of the workspace's models, sorted."""
        return sorted(path.name for path in self.workspace.models_dir.glob("*"))

    def require_model(self, name: str) -> None:
        """Check that a model exists.

        Raises:
            ConfigError: if it does not; the models that do are named.
        """
        _ = self.settings  # a missing workspace is the error to report first
        if not self.workspace.model_dir(name).is_dir():
            known = ", ".join(self.model_names) or "none yet"
            raise ConfigError(
                f"there is no model '{name}' in {self.workspace.models_dir}. "
                f"It holds {known}; `nai new` makes one."
            )
