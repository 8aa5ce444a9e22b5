"""A backtest: folder with the folds of a recipe and what they predict out-of-sample.

``config.toml`` holds the plan, ``folds/NNN`` a fold's run and predictions, and
``predictions.parquet`` the predictions of all folds, which need no model to be scored.
``DONE`` is written last, with the checksums of the plan and the predictions.
"""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    format_time,
    parse_table,
    parse_time,
    read_json,
    read_toml,
    retrain,
    sha256_of,
    write_json,
    write_toml,
)
from numerai_pipeline.data import Fold, Scheme
from numerai_pipeline.models import Recipe
from numerai_pipeline.training import DONE_FILE, RUN_CONFIG, Run

PREDICTIONS_FILE = "predictions.parquet"
FOLD_FILE = "fold.json"

_WHOLE = (RUN_CONFIG, PREDICTIONS_FILE)


@dataclass(frozen=True)
class FoldResult:
    """What came of a fold.

    Attributes:
        number: from 1, in the order of the eras that it predicts.
        n_train_rows: rows of the eras that it learned from.
        n_rows: rows that it predicted.
        best_epoch: best epoch, number of trees, penalty or window of its run; of an
            ensemble the number of members.
        unit: what that counts: ``epoch``, ``tree``, ``penalty`` or ``window``.
        corr: mean CORR of the predicted eras that have the target; NaN if none has.
        seconds: how long it trained and predicted.
    """

    number: int
    n_train_rows: int
    n_rows: int
    best_epoch: int
    unit: str
    corr: float
    seconds: float

    def write(self, folder: Path) -> None:
        """Write it into the folder of its fold, which is finished then."""
        write_json(folder / FOLD_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "FoldResult | None":
        """Read it from the folder of its fold; None if that is not finished.

        Raises:
            DataError: if the file is broken.
        """
        path = folder / FOLD_FILE
        if not path.is_file():
            return None
        try:
            return cls(**read_json(path, remedy=retrain(path)))
        except TypeError as error:
            raise _broken(path, error) from error


@dataclass(frozen=True)
class Backtest:
    """A folder of a backtest.

    Attributes:
        folder: where it stands.
        name: the model's name.
        recipe: what its folds are trained by, with all defaults written out.
        targets: what they learn, the recipe's own target first.
        scheme: how the eras were cut.
        folds: the eras of each fold, in the order of those that they predict.
        purge: eras left out between two parts.
        shards_fingerprint: of the shards that it was made from.
        data_version: the release of its data.
        started: when it was first started, aware, in UTC.
    """

    folder: Path
    name: str
    recipe: Recipe
    targets: tuple[str, ...]
    scheme: Scheme
    folds: tuple[Fold, ...]
    purge: int
    shards_fingerprint: str
    data_version: str
    started: datetime

    @classmethod
    def open(cls, folder: Path) -> "Backtest":
        """Open a folder, finished or not.

        Raises:
            DataError: if it is not the folder of a backtest, or its plan is broken.
        """
        path = folder / RUN_CONFIG
        if not path.is_file():
            raise DataError(f"{path} does not exist. {retrain(folder)}")
        _verify(folder, RUN_CONFIG)
        try:
            config = read_toml(path)
            plan = config["backtest"]
            return cls(
                folder=folder,
                name=str(plan["name"]),
                recipe=parse_table(Recipe, config["recipe"], where=f"{path} [recipe]"),
                targets=tuple(map(str, plan["targets"])),
                scheme=Scheme(**config["scheme"]),
                folds=tuple(map(Fold.from_dict, config["fold"])),
                purge=int(plan["purge"]),
                shards_fingerprint=str(plan["shards_fingerprint"]),
                data_version=str(plan["data_version"]),
                started=parse_time(plan["started"]),
            )
        except (
            AttributeError,
            ConfigError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            raise _broken(path, error) from error

    @property
    def target(self) -> str:
        """The recipe's own target."""
        return self.targets[0]

    @property
    def is_done(self) -> bool:
        """Whether all folds are predicted and joined."""
        return (self.folder / DONE_FILE).is_file()

    @property
    def predictions(self) -> Path:
        """The predictions of all folds: id, era, fold, prediction.

        Raises:
            DataError: if it is not finished, or the file is broken.
        """
        if not self.is_done:
            raise DataError(
                f"the backtest {self.folder} is not finished. Run `nai backtest "
                f"{self.name}` with its options to resume it."
            )
        _verify(self.folder, PREDICTIONS_FILE)
        return self.folder / PREDICTIONS_FILE

    def fold_dir(self, number: int) -> Path:
        """Return the folder of a fold, from 1."""
        return self.folder / "folds" / f"{number:03d}"

    def results(self) -> list[FoldResult]:
        """Return what came of the folds that are finished.

        Raises:
            DataError: if a file is broken.
        """
        numbers = range(1, len(self.folds) + 1)
        found = (FoldResult.read(self.fold_dir(number)) for number in numbers)
        return [result for result in found if result is not None]

    def runs(self) -> list[Run]:
        """Return the finished runs of its folds, in their order.

        Raises:
            DataError: if one is broken.
        """
        done = sorted(self.folder.glob(f"folds/*/runs/*/{DONE_FILE}"))
        return [Run.open(path.parent) for path in done]

    def write_plan(self, into: Path, **more: Any) -> None:
        """Write ``config.toml``.

        Args:
            into: what becomes its folder.
            more: what else the plan is to record.
        """
        scheme = asdict(self.scheme)
        write_toml(
            into / RUN_CONFIG,
            {
                "backtest": {
                    "name": self.name,
                    "started": format_time(self.started),
                    "targets": self.targets,
                    "purge": self.purge,
                    "shards_fingerprint": self.shards_fingerprint,
                    "data_version": self.data_version,
                    **more,
                },
                "scheme": {key: one for key, one in scheme.items() if one is not None},
                "versions": {
                    "python": platform.python_version(),
                    "numerai-pipeline": version("numerai-pipeline"),
                },
                "recipe": self.recipe.model_dump(mode="json"),
                "fold": [fold.to_dict() for fold in self.folds],
            },
        )

    def mark_done(self) -> None:
        """Write ``DONE``: the plan and the predictions must not change from now on."""
        sha256 = {file: sha256_of(self.folder / file) for file in _WHOLE}
        write_json(self.folder / DONE_FILE, {"sha256": sha256})


def backtests_dir(runs_dir: Path) -> Path:
    """Return the folder of a model's backtests."""
    return runs_dir.parent / "backtests"


def latest_backtest(backtests: Path) -> Backtest:
    """Return the finished backtest of a model that was started last.

    Args:
        backtests: the folder of the model's backtests.

    Raises:
        DataError: if none is finished, or it is broken.
    """
    finished = [done.parent for done in backtests.glob(f"*/{DONE_FILE}")]
    if finished:
        return Backtest.open(max(finished, key=lambda folder: folder.name))
    name = backtests.parent.name
    state = "is finished" if any(backtests.glob(f"*/{RUN_CONFIG}")) else "exists"
    raise DataError(
        f"no backtest of '{name}' {state} in {backtests}. Run `nai backtest {name}`."
    )


def _verify(folder: Path, file: str) -> None:
    """Check a file of a finished backtest against its checksum."""
    done = folder / DONE_FILE
    if not done.is_file():
        return
    record = read_json(done, remedy=retrain(folder))
    known = record.get("sha256") if isinstance(record, Mapping) else None
    if not isinstance(known, Mapping):
        raise _broken(done, "it lists no checksums")
    path = folder / file
    if not path.is_file():
        raise _broken(path, "it does not exist")
    if known.get(file) != sha256_of(path):
        raise _broken(path, "its checksum is not the one in DONE")


def _broken(path: Path, reason: Any) -> DataError:
    return DataError(
        f"{path} of a backtest is broken or changed: {reason}. {retrain(path)}"
    )
