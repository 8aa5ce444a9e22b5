"""A run folder: what one training made, readable without anything else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    digest_of,
    parse_table,
    parse_time,
    read_json,
    read_toml,
    retrain,
    sha256_of,
    write_json,
)
from numerai_pipeline.data import Fold
from numerai_pipeline.models import Family, Predictor, Recipe, family, read_user_family
from numerai_pipeline.training.history import (
    Chart,
    Epoch,
    best_row,
    read_history,
    unit_of,
)
from numerai_pipeline.training.members import Member

CONFIG_FILE = "config.toml"
FEATURES_FILE = "features.json"
HISTORY_FILE = "history.csv"
DONE_FILE = "DONE"
# A user's own family, as it was when the training started.
FAMILY_FILE = "family.py"
CURVES_FOLDER = "tensorboard"

CHECKPOINTS = "checkpoints"
# In place of a model an ensemble has the weights of its members.
WEIGHTS_FILE = "weights.json"


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose model is kept.

    Attributes:
        epoch: its number from 1; for trees the number of trees, for ridge that of the
            penalty in its list; with rolling windows the number of the window; of an
            ensemble the number of members.
        value: the monitored value; NaN where nothing was chosen.
        path: the model's file.
    """

    epoch: int
    value: float
    path: Path


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        folder: where it stands.
        name: the model's name.
        recipe: what it was trained by, with all defaults written out.
        features: the columns it sees, in order.
        target: the target it learned.
        missing: the value it takes a missing feature for.
        fold: the eras it learned from, was chosen on and can be tested on; None of a
            run of version 0.1.0, which did not record them.
        data_version: the release of its data; empty of a run of version 0.1.0.
        unit: what its history counts: ``epoch``, ``tree``, ``penalty`` or ``window``;
            ``member`` of an ensemble, which has none.
        started: when it was started, aware, in UTC.
        refit_of: name of the run whose recipe it trained on all eras; empty of others.
        members: of an ensemble: whose predictions it blends; empty of others.
        neutral_features: columns of the feature sets that its predictions are
            neutralized to; none: to no features.
    """

    folder: Path
    name: str
    recipe: Recipe
    features: tuple[str, ...]
    target: str
    missing: float
    fold: Fold | None
    data_version: str
    unit: str
    started: datetime
    refit_of: str = ""
    members: tuple[Member, ...] = ()
    neutral_features: tuple[str, ...] = ()

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a run folder, finished or not.

        Raises:
            DataError: if it is not a run folder, or one of its files is broken.
        """
        for file in (CONFIG_FILE, FEATURES_FILE):
            if not (folder / file).is_file():
                raise DataError(
                    f"{folder / file} does not exist, so {folder} is not a whole run "
                    f"folder. {retrain(folder)}"
                )
            _verify(folder, file)
        config_path = folder / CONFIG_FILE
        try:
            config = read_toml(config_path)
            recipe = parse_table(
                Recipe, config["recipe"], where=f"{config_path} [recipe]"
            )
            of_run = config["run"]
            name, started = str(of_run["name"]), parse_time(of_run["started"])
            fold = Fold.from_dict(config["fold"]) if "fold" in config else None
            members = tuple(map(Member.from_dict, config.get("member", ())))
        except (
            ConfigError,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            raise _broken(config_path, error) from error
        features_path = folder / FEATURES_FILE
        try:
            features = read_json(features_path, remedy=retrain(folder))
            return cls(
                folder=folder,
                name=name,
                recipe=recipe,
                features=tuple(map(str, features["features"])),
                target=str(features["target"]),
                missing=float(features["missing"]),
                fold=fold,
                data_version=str(of_run.get("data_version", "")),
                unit=unit_of(config["recipe"]),
                started=started,
                refit_of=str(of_run.get("refit_of", "")),
                members=members,
                neutral_features=tuple(map(str, features.get("neutral_features", ()))),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(features_path, error) from error

    @property
    def targets(self) -> tuple[str, ...]:
        """All targets that it learned, the recipe's own first."""
        others = self.recipe.parameters.get("also_targets", ())
        of_members = [one for member in self.members for one in member.targets]
        return tuple(dict.fromkeys((self.target, *others, *of_members)))

    @property
    def is_ensemble(self) -> bool:
        """Whether it blends the runs of other models; then nothing was trained."""
        return bool(self.members)

    @property
    def has_windows(self) -> bool:
        """Whether it has a model for each of its rolling windows."""
        return self.unit == "window"

    @property
    def member_names(self) -> tuple[str, ...]:
        """The models that it blends; none where it was trained."""
        return tuple(member.model for member in self.members)

    @property
    def is_done(self) -> bool:
        """Whether training came to its end."""
        return (self.folder / DONE_FILE).is_file()

    @property
    def monitor(self) -> str:
        """The value by which the best epoch was chosen; empty of an ensemble."""
        return str(self.recipe.training.get("monitor", ""))

    @property
    def checksum(self) -> str:
        """64 hex digits of what a finished run consists of.

        Raises:
            DataError: if it is not finished, or ``DONE`` is broken.
        """
        self._require_done()
        return digest_of(_read_done(self.folder)["sha256"])

    def history(self) -> list[Epoch]:
        """Return what was recorded of each epoch so far; nothing of an ensemble.

        Raises:
            DataError: if the file is broken.
        """
        if self.is_ensemble:
            return []
        _verify(self.folder, HISTORY_FILE)
        return read_history(self.folder / HISTORY_FILE)

    @property
    def seconds(self) -> float:
        """How long its models took to train, without what was between them.

        Raises:
            DataError: if a history is broken.
        """
        # A line of a window is the sum of the epochs in the history of that window.
        own = [] if self.has_windows else [self.folder / HISTORY_FILE]
        paths = (*own, *self.folder.glob("history-*.csv"))
        return math.fsum(row.seconds for path in paths for row in read_history(path))

    def chart(self) -> Chart:
        """Return its curves so far.

        Raises:
            DataError: if its history is broken.
        """
        title = f"{self.name}, run {self.folder.name}"
        return Chart(title, self.unit, self.history(), self.monitor)

    def best(self) -> BestEpoch:
        """Return the best epoch.

        Raises:
            DataError: if the run is not finished, or its history or its model is
                broken.
        """
        self._require_done()
        self._verify_models()
        if self.is_ensemble:
            return BestEpoch(len(self.members), math.nan, self._best_path)
        rows = self.history()
        # Without validation eras the last epoch is kept.
        is_chosen = self.fold is None or bool(self.fold.validation)
        row = best_row(rows, self.monitor) if is_chosen else rows[-1]
        if row is None:
            raise _broken(self.folder / HISTORY_FILE, "it has no best epoch")
        path = self._best_path
        if self.has_windows:
            path = path.parent / window_name(row.epoch) / path.name
        value = getattr(row, self.monitor) if is_chosen else math.nan
        return BestEpoch(row.epoch, value, path)

    def best_epochs(self) -> dict[str, int]:
        """Return the best epoch, or number of trees, of each of its models by name.

        Raises:
            DataError: if a history is broken or has no best epoch.
        """
        _verify(self.folder, HISTORY_FILE)
        found = {}
        for path in (self.folder / HISTORY_FILE, *self.folder.glob("history-*.csv")):
            row = best_row(read_history(path), self.monitor)
            if row is None:
                raise _broken(path, "it has no best epoch")
            found[path.stem.removeprefix("history").removeprefix("-")] = row.epoch
        return found

    def predictor(self) -> Predictor:
        """Load the best epoch's model.

        Raises:
            DataError: if the run is not finished, or the model's file is broken.
        """
        self._require_done()
        self._verify_models()
        return self.family.load(self._best_path)

    @property
    def _best_path(self) -> Path:
        """Where the model is, found without running the source of a user's family."""
        models = {Path(file).name for file in self._models()}
        name = models.pop() if models else "best"
        return self.folder / CHECKPOINTS / name

    @property
    def family(self) -> Family:
        """The family that it was trained by: a copy of the user's, or a built-in one.

        Raises:
            ConfigError: if the copy cannot be run.
            DataError: if it has changed.
        """
        own = self.folder / FAMILY_FILE
        if not own.is_file():
            return family(self.recipe.family)
        _verify(self.folder, FAMILY_FILE)
        return read_user_family(own)

    def _models(self) -> list[str]:
        known = _read_done(self.folder).get("sha256", {})
        return [file for file in known if file.startswith(f"{CHECKPOINTS}/")]

    def _verify_models(self) -> None:
        models = self._models()
        if not models:
            raise _broken(self._best_path, "it does not exist")
        for file in models:
            _verify(self.folder, file)

    def _require_done(self) -> None:
        if not self.is_done:
            raise DataError(
                f"the run {self.folder} is not finished. "
                f"Run `nai train {self.name}` to resume it."
            )


def window_name(number: int) -> str:
    """Return how the files of a rolling window are named, from 1."""
    return f"window-{number:03d}"


def requested_at(folder: Path) -> float:
    """Return when a finished run was last requested, in seconds since 1970.

    Raises:
        DataError: if ``DONE`` is broken.
    """
    done = folder / DONE_FILE
    try:
        return parse_time(_read_done(folder)["asked"]).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(done, error) from error


def mark_done(folder: Path, files: tuple[str, ...], asked: datetime) -> None:
    """Write ``DONE``: the run is finished, and its files are these.

    Args:
        folder: the run folder.
        files: what must not change from now on, relative to it.
        asked: when this training was asked for, aware.
    """
    sha256 = {file: sha256_of(folder / file) for file in files}
    write_json(folder / DONE_FILE, {"asked": _exact(asked), "sha256": sha256})


def mark_asked(folder: Path, asked: datetime) -> None:
    """Note in ``DONE`` that a finished run was asked for again."""
    write_json(folder / DONE_FILE, {**_read_done(folder), "asked": _exact(asked)})


def _exact(moment: datetime) -> str:
    """Write a moment with its microseconds: small runs take less than a second."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _verify(folder: Path, file: str) -> None:
    """Check a file of a finished run against its checksum."""
    if not (folder / DONE_FILE).is_file():
        return
    path = folder / file
    known = _read_done(folder).get("sha256", {})
    if not path.is_file():
        raise _broken(path, "it does not exist")
    if known.get(file) != sha256_of(path):
        raise _broken(path, "its checksum is not the one in DONE")


def _read_done(folder: Path) -> Mapping[str, Any]:
    path = folder / DONE_FILE
    done = read_json(path, remedy=retrain(folder))
    if not isinstance(done, dict) or not isinstance(done.get("sha256"), dict):
        raise _broken(path, "it lists no checksums")
    return done


def _broken(path: Path, reason: object) -> DataError:
    return DataError(f"{path} of a run is broken or changed: {reason}. {retrain(path)}")
