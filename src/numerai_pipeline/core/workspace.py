"""Where everything stands in a workspace.

Paths only: nothing here reads, writes or makes a folder.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from numerai_pipeline.core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

# Hex digits of a fingerprint that stand for it in names.
_DIGITS = 8


def short_of(fingerprint: str) -> str:
    """Return the first hex digits of a fingerprint, as names of folders have them."""
    return fingerprint[:_DIGITS]


def dated_name(moment: datetime, fingerprint: str) -> str:
    """Return how the folder of a run or of a backtest is named.

    >>> dated_name(datetime(2026, 11, 24, 12, 5, tzinfo=UTC), "0123456789abcdef")
    '20261124T120500-01234567'
    """
    stamp = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{stamp}-{short_of(fingerprint)}"


@dataclass(frozen=True)
class Workspace:
    """A folder with a ``numerai.toml`` and all that the product makes from it.

    >>> Workspace(Path("w")).runs_dir("mlp").as_posix()
    'w/models/mlp/runs'
    """

    root: Path

    @property
    def settings_path(self) -> Path:
        """The workspace's ``numerai.toml``."""
        return self.root / "numerai.toml"

    def data_dir(self, version: str) -> Path:
        """Folder of the files of one data release, as downloaded."""
        return self.root / "data" / version

    def shards_dir(self, name: str) -> Path:
        """Folder of one set of shards."""
        return self.root / "shards" / name

    @property
    def models_dir(self) -> Path:
        """Folder with one folder per model."""
        return self.root / "models"

    def model_dir(self, name: str) -> Path:
        """Folder of one model: recipe, untrained model, runs.

        Raises:
            ConfigError: if the name could lead out of the folder of models.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"'{name}' cannot be the name of a model: it becomes the name of a "
                "folder. Take letters, digits, - and _, such as my-mlp_2."
            )
        return self.models_dir / name

    def recipe_path(self, name: str) -> Path:
        """The model's ``model.toml``."""
        return self.model_dir(name) / "model.toml"

    def runs_dir(self, name: str) -> Path:
        """Folder with one folder per training run of the model."""
        return self.model_dir(name) / "runs"

    @property
    def zoo_dir(self) -> Path:
        """Folder of the user's own families, one file each."""
        return self.root / "zoo"

    @property
    def tensorboard_dir(self) -> Path:
        """Folder that TensorBoard is pointed at; made from the runs, never by hand."""
        return self.root / ".tensorboard"

    def round_dir(self, number: int) -> Path:
        """Folder of one round: live data, predictions, receipts."""
        return self.root / "rounds" / str(number)

    def newest_live_file(self) -> Path | None:
        """Live data of the newest round that has any."""
        files = self.root.glob("rounds/*/live.parquet")
        of_round = {path.parent.name: path for path in files}
        newest = max((name for name in of_round if name.isdigit()), key=int, default="")
        return of_round.get(newest)

    @property
    def reports_dir(self) -> Path:
        """Folder of reports, one HTML file each."""
        return self.root / "reports"

    @property
    def estimators_key(self) -> Path:
        """What signs the estimators that are saved here; see ``models``."""
        return self.root / "estimators.key"

    @property
    def ledger_path(self) -> Path:
        """The ledger's SQLite file, used when no other database is set."""
        return self.root / "ledger.sqlite"


def retrain(path: Path) -> str:
    """Return the remedy for a run that is broken.

    Args:
        path: the run's folder, or a file or folder in it.

    >>> retrain(Path("models/mlp/runs/2026/checkpoints/best.keras"))
    'Run `nai train --restart mlp`, or delete models/mlp/runs/2026 and train again.'
    >>> retrain(Path("models/mlp/backtests/2026/folds/001/runs/2026"))
    'Delete models/mlp/backtests/2026/folds/001, then run `nai backtest mlp` with the same options.'
    """  # noqa: E501 - the sentence is one line
    of_model = {one.parent.name: one for one in reversed((path, *path.parents))}
    run, backtest = of_model.get("runs"), of_model.get("backtests")
    if backtest is not None and backtest.parent.parent.parent.name == "models":
        name, broken = backtest.parent.parent.name, of_model.get("folds", backtest)
        return f"Delete {broken}, then run `nai backtest {name}` with the same options."
    if run is None:  # not in a workspace
        return "Train the model again."
    name = run.parent.parent.name
    return f"Run `nai train --restart {name}`, or delete {run} and train again."
