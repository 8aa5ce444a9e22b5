"""A run folder: what one training made, readable without anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from numerai_pipeline.core import (
    Chart,
    ConfigError,
    DataError,
    Recipe,
    parse_table,
    parse_time,
    read_json,
    read_toml,
    sha256_of,
    write_json,
)
from numerai_pipeline.models import Family, Predictor, family, read_user_family
from numerai_pipeline.training.history import Epoch, Monitor, best_row, read_history
from numerai_pipeline.training.picture import chart_of

CONFIG_FILE = "config.toml"
FEATURES_FILE = "features.json"
HISTORY_FILE = "history.csv"
DONE_FILE = "DONE"
# A user's own family, as it was when the training began.
FAMILY_FILE = "family.py"
CURVES_FOLDER = "tensorboard"

_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose model is kept.

    Attributes:
        epoch: its number from 1; for trees the number of trees; with rolling windows
            the number of the window.
        value: the monitored value.
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
    """

    folder: Path
    name: str
    recipe: Recipe
    features: tuple[str, ...]
    target: str
    missing: float

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a run folder, finished or not.

        Raises:
            DataError: if it is no run folder, or one of its files is broken.
        """
        for file in (CONFIG_FILE, FEATURES_FILE):
            if not (folder / file).is_file():
                raise DataError(
                    f"{folder / file} does not exist, so {folder} is not a whole run "
                    "folder. Delete it and train again."
                )
            _verify(folder, file)
        config_path = folder / CONFIG_FILE
        try:
            config = read_toml(config_path)
            recipe = parse_table(
                Recipe, config["recipe"], where=f"{config_path} [recipe]"
            )
            name = str(config["run"]["name"])
        except (ConfigError, KeyError, TypeError) as error:
            raise _broken(config_path, error) from error
        features_path = folder / FEATURES_FILE
        try:
            features = read_json(features_path, remedy=_remedy(folder))
            return cls(
                folder=folder,
                name=name,
                recipe=recipe,
                features=tuple(map(str, features["features"])),
                target=str(features["target"]),
                missing=float(features["missing"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _broken(features_path, error) from error

    @property
    def is_done(self) -> bool:
        """Whether training came to its end."""
        return (self.folder / DONE_FILE).is_file()

    @property
    def monitor(self) -> Monitor:
        """The value by which the best epoch was chosen."""
        return cast(Monitor, self.recipe.training["monitor"])

    def history(self) -> list[Epoch]:
        """Return what was recorded of each epoch so far.

        Raises:
            DataError: if the file is broken.
        """
        _verify(self.folder, HISTORY_FILE)
        return read_history(self.folder / HISTORY_FILE)

    def chart(self) -> Chart:
        """Return its curves so far.

        Raises:
            DataError: if its history is broken.
        """
        unit = "window" if self.recipe.training.get("window_eras") else "epoch"
        return chart_of(
            self.history(),
            title=f"{self.name}, run {self.folder.name}",
            unit=unit if self._family.engine == "keras" else "tree",
            monitor=self.monitor,
        )

    def best(self) -> BestEpoch:
        """Return the best epoch.

        Raises:
            DataError: if the run is not finished, or its history or its model is
                broken.
        """
        self._require_done()
        self._verify_models()
        row = best_row(self.history(), self.monitor)
        if row is None:
            raise _broken(self.folder / HISTORY_FILE, "it has no best epoch")
        path = self._best_path
        if self._has_windows:
            path = path.parent / window_name(row.epoch) / path.name
        return BestEpoch(row.epoch, getattr(row, self.monitor), path)

    def predictor(self) -> Predictor:
        """Load the best epoch's model.

        Raises:
            DataError: if the run is not finished, or the model's file is broken.
        """
        self._require_done()
        self._verify_models()
        return self._family.load(self._best_path)

    @property
    def _has_windows(self) -> bool:
        """Whether it is networks of rolling windows, which predict together."""
        return bool(self.recipe.training.get("window_eras", 0))

    @property
    def _best_path(self) -> Path:
        return self.folder / _CHECKPOINTS / f"best{self._family.trained_suffix}"

    @property
    def _family(self) -> Family:
        """The family that it was trained by: the user's own, or one of ours."""
        own = self.folder / FAMILY_FILE
        if not own.is_file():
            return family(self.recipe.family)
        _verify(self.folder, FAMILY_FILE)
        return read_user_family(own)

    def _verify_models(self) -> None:
        models = [
            file
            for file in _read_done(self.folder).get("sha256", {})
            if file.startswith(f"{_CHECKPOINTS}/")
        ]
        if not models:
            raise _broken(self._best_path, "it does not exist")
        for file in models:
            _verify(self.folder, file)

    def _require_done(self) -> None:
        if not self.is_done:
            raise DataError(
                f"the run {self.folder} is not finished. "
                f"Run `nai train {self.name}`, which goes on with it."
            )


def window_name(number: int) -> str:
    """Return how the files of a rolling window are named, from 1."""
    return f"window-{number:03d}"


def latest_run(runs_dir: Path) -> Run:
    """Return the finished run that was trained, or asked for again, last.

    Raises:
        DataError: if there is no run, or none is finished.
    """
    name = runs_dir.parent.name
    finished = [done.parent for done in runs_dir.glob(f"*/{DONE_FILE}")]
    if finished:
        return Run.open(max(finished, key=lambda run: (asked_at(run), run.name)))
    if any(runs_dir.glob(f"*/{CONFIG_FILE}")):
        raise DataError(
            f"no run in {runs_dir} is finished. Run `nai train {name}`, which goes on "
            "with the one that was begun."
        )
    raise DataError(f"'{name}' has no run in {runs_dir}. Run `nai train {name}` first.")


def asked_at(folder: Path) -> float:
    """Return when a finished run was last asked for, in seconds since 1970.

    Raises:
        DataError: if ``DONE`` is broken.
    """
    done = folder / DONE_FILE
    try:
        return parse_time(_read_done(folder)["asked"]).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(done, error) from error


def mark_done(folder: Path, files: tuple[str, ...], asked: str) -> None:
    """Write ``DONE``: the run is finished, and its files are these.

    Args:
        folder: the run folder.
        files: what must not change any more, relative to it.
        asked: when this training was asked for, as ``core.format_time`` writes it.
    """
    sha256 = {file: sha256_of(folder / file) for file in files}
    write_json(folder / DONE_FILE, {"asked": asked, "sha256": sha256})


def mark_asked(folder: Path, asked: str) -> None:
    """Note in ``DONE`` that a finished run was asked for again."""
    write_json(folder / DONE_FILE, {**_read_done(folder), "asked": asked})


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
    done = read_json(path, remedy=_remedy(folder))
    if not isinstance(done, dict) or not isinstance(done.get("sha256"), dict):
        raise _broken(path, "it lists no checksums")
    return done


def _broken(path: Path, reason: object) -> DataError:
    return DataError(
        f"{path} of a run is broken or changed: {reason}. "
        "Delete the run's folder and train again."
    )


def _remedy(folder: Path) -> str:
    return f"Delete the run's folder {folder} and train again."
