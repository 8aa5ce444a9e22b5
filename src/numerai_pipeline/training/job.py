"""A training job, and its plan on the present shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from pathlib import Path

import numpy as np

from numerai_pipeline.core import (
    SILENT,
    ConfigError,
    DataError,
    Progress,
    columns,
    digest_of,
    parse_target,
    sha256_of,
)
from numerai_pipeline.data import Fold, ShardReader, rolling_folds
from numerai_pipeline.models import (
    CheckedRecipe,
    Recipe,
    TrainingTable,
    TreesFamily,
    check_recipe,
    run_user_family,
)
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.neutral_columns import check_prediction


@dataclass(frozen=True)
class TrainingJob:
    """What to train, on what, and where to.

    It can be pickled and run in a fresh process, on any machine that has the package,
    the shards and the folder of runs.

    Attributes:
        name: the model's name.
        recipe: how to train it; its seed decides all randomness.
        fold: the eras to learn from, to choose on and to test on.
        untrained: the untrained model in the model's folder.
        shards: folder of the shards.
        runs: folder in which the run's folder is made; nothing else is written.
        started: the present moment, which names the run.
        features: columns of the recipe's feature set, in order; None where that set
            is the very one of the shards.
        neutral_features: columns of the feature sets that the recipe's
            ``[prediction]`` neutralizes to.
        benchmarks: Numerai's benchmark files that are there, for the same.
        source: text of the file of a user's own family; empty for a built-in one.
        allow_leak: whether windows may be nearer to their validation eras than the
            target's horizon.
        stop_at: epochs, trees or number of the penalty of each model of the run by
            its name, for a fold without validation eras; the first model's name is
            empty.
        refit_of: name of the run that found ``stop_at``.
        tensorboard: write curves for TensorBoard too.
        groups: the groups of features, by name, for pictures.
        max_ram_bytes: memory that the training may take; None: three quarters of the
            machine's. It does not change the result.
        shared_eras: all eras of a backtest, whose rows are prepared together for all
            of its folds where that pays; empty: for this job alone. It does not change
            the result either.
        data: folder of the release that the shards were made from, for targets that
            are neutralized; None: there are none.
        also_from: other folders of runs, of which a finished training that is the same
            is taken over.
    """

    name: str
    recipe: Recipe
    fold: Fold
    untrained: Path
    shards: Path
    runs: Path
    started: datetime
    features: tuple[str, ...] | None = None
    neutral_features: tuple[str, ...] = ()
    benchmarks: tuple[Path, ...] = ()
    source: str = field(default="", repr=False)
    allow_leak: bool = False
    stop_at: Mapping[str, int] = field(default_factory=dict)
    refit_of: str = ""
    tensorboard: bool = False
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_ram_bytes: int | None = None
    shared_eras: tuple[int, ...] = ()
    data: Path | None = None
    also_from: tuple[Path, ...] = ()

    def reader(self, progress: Progress = SILENT) -> ShardReader:
        """Return the reader of its shards.

        Args:
            progress: where the making of neutralized targets is reported.

        Raises:
            DataError: if the shards are missing or broken.
        """
        return ShardReader(self.shards, data=self.data, progress=progress)

    def checked_recipe(self) -> CheckedRecipe:
        """Return the recipe with its family and all defaults.

        Raises:
            ConfigError: if it is wrong.
        """
        if not self.source:
            return check_recipe(self.recipe)
        file = Path("zoo") / f"{self.recipe.family}.py"
        return check_recipe(self.recipe, run_user_family(self.source, file))


@dataclass(frozen=True)
class Plan:
    """A job whose recipe is checked and whose shards are there.

    Attributes:
        job: the job.
        checked: its recipe with all defaults.
        reader: its shards.
        features: columns of the recipe's feature set, in order.
        fingerprint: 64 hex digits of everything that decides the predictions.
        trained_fingerprint: the same without ``[prediction]``: of everything that
            decides the trained models. It is ``fingerprint`` where that is empty.
        models: the models of the run.
    """

    job: TrainingJob
    checked: CheckedRecipe
    reader: ShardReader
    features: tuple[str, ...]
    fingerprint: str
    trained_fingerprint: str
    models: "tuple[ModelPlan, ...]"


@dataclass(frozen=True)
class ModelPlan:
    """One model of a run.

    Attributes:
        name: of its folder of checkpoints and of ``history-NAME.csv``; empty for the
            one whose history is that of the run.
        fold: the eras that it learns from and is chosen on.
        targets: what it learns; the first one is scored.
        window: number of its rolling window from 1; 0: there are none.
        seed_number: of the recipe's seeds, from 1.
    """

    name: str
    fold: Fold
    targets: tuple[str, ...]
    window: int = 0
    seed_number: int = 1


def make_plan(job: TrainingJob, progress: Progress = SILENT) -> Plan:
    """Check a job's recipe against its family and against its shards.

    Args:
        job: what to train.
        progress: where the making of neutralized targets is reported.

    Raises:
        ConfigError: if the recipe is wrong, or the fold has no eras to choose by.
        DataError: if the shards are broken or lack what the recipe names.
    """
    checked = job.checked_recipe()
    reader = job.reader(progress)
    if not job.fold.validation and not job.stop_at:
        raise ConfigError(
            f"{job.shards} has no validation eras to choose the best epoch of "
            f"'{job.name}' by. Run `nai etl --split 0.2`."
        )
    check_targets(job.name, checked.targets, reader)
    features = _features(job, reader)
    check_prediction(job, reader)
    recipe = checked.identity()
    prediction = recipe.pop("prediction", None)
    trained: dict[str, object] = {
        "recipe": recipe,
        "fold": job.fold.to_dict(),
        "stop_at": dict(job.stop_at),
        "features": features,
        "shards": reader.manifest.fingerprint,
        "untrained": _hand_made(job, checked, progress),
        "source": checked.family.source,
        **_neutralized(checked, reader),
    }
    fingerprint = trained_fingerprint = digest_of(trained)
    if prediction is not None:
        after = {"prediction": prediction, "neutral": job.neutral_features}
        fingerprint = digest_of({"trained": trained, **after})
    models = _models(job, checked, reader)
    return Plan(
        job, checked, reader, features, fingerprint, trained_fingerprint, models
    )


def check_targets(model: str, targets: Sequence[str], reader: ShardReader) -> None:
    """Check that the shards hold what a model learns.

    Args:
        model: its name.
        targets: stored or derived ones.
        reader: the shards.

    Raises:
        DataError: if one is missing.
    """
    known = reader.manifest.target_names
    parts = [name for text in targets for name in parse_target(text).names]
    missing = next((name for name in parts if name not in known), None)
    if missing is not None:
        raise DataError(
            f"{reader.folder} has no target '{missing}', which model '{model}' "
            f"learns. Run `nai etl --targets {','.join(dict.fromkeys(parts))}`, or "
            f"name one of {', '.join(known)} in model.toml."
        )


def _neutralized(checked: CheckedRecipe, reader: ShardReader) -> dict[str, list[str]]:
    """Return what decides neutralized targets; nothing where there are none."""
    digests = [one.digest for one in reader.neutral_targets(checked.targets)]
    return {"neutralized": digests} if digests else {}


def _models(
    job: TrainingJob, checked: CheckedRecipe, reader: ShardReader
) -> tuple[ModelPlan, ...]:
    """Return the models of a run: one per window, seed and target."""
    folds = {0: job.fold}
    if checked.training.window_eras:
        folds = dict(enumerate(_windows(job, checked, reader), start=1))
    several: list[tuple[str, ...]] = [(name,) for name in checked.targets]
    if checked.family.learns_jointly:
        several = [checked.targets]
    models = []
    numbers = range(1, checked.recipe.seeds + 1)
    for window, number, targets in product(folds, numbers, several):
        parts = [f"window-{window:03d}"] if window else []
        if targets[0] != checked.targets[0]:
            parts.append(parse_target(targets[0]).folder_name)
        if number > 1:
            parts.append(f"seed-{number}")
        name = "-".join(parts)
        models.append(ModelPlan(name, folds[window], targets, window, number))
    return tuple(models)


def window_purge(
    table: TrainingTable, targets: tuple[str, ...], *, allow_leak: bool
) -> int:
    """Return the number of eras between a window and its validation eras.

    >>> window_purge(TrainingTable(window_purge=4), ("target_x_60",), allow_leak=False)
    16
    """
    if allow_leak:
        return table.window_purge
    return max(table.window_purge, columns.purge_eras(targets))


def _windows(
    job: TrainingJob, checked: CheckedRecipe, reader: ShardReader
) -> list[Fold]:
    table = checked.training
    # An era without a single target is in the shards, but not to be learned from.
    labels = Labels.read(reader, job.fold.part("train"), checked.targets[0])
    eras = np.unique(labels.eras).tolist()
    purge = window_purge(table, checked.targets, allow_leak=job.allow_leak)
    width = table.window_eras
    folds = rolling_folds(
        eras, width=width, step=table.window_step or width, purge=purge
    )
    if not folds:
        raise ConfigError(
            f"window_eras = {width} and a purge of {purge} need {2 * width + purge} "
            f"eras to train on, but {job.shards} has {len(eras)} with "
            f"'{checked.targets[0]}', {eras[0]:04d} to {eras[-1]:04d}. Lower "
            "window_eras in model.toml, or pack more eras: `nai etl`."
        )
    return folds


def _hand_made(job: TrainingJob, checked: CheckedRecipe, progress: Progress) -> str:
    """Return the checksum of an untrained model that was made by hand.

    One that `nai new` made follows from the recipe, but not byte for byte: it is dated.

    Raises:
        ConfigError: if it holds the only seed of trees, which are to have several.
    """
    path = job.untrained
    if not path.is_file() or checked.family.spec_of(path) is not None:
        return ""
    n_seeds = checked.recipe.seeds
    if n_seeds > 1 and isinstance(checked.family, TreesFamily):
        raise ConfigError(
            f"{path} was made by hand and holds one seed, so all {n_seeds} seeds would "
            "grow the same trees. Delete it, or train with seeds = 1."
        )
    if n_seeds > 1:
        progress.note(
            f"{path.name} was made by hand: all {n_seeds} seeds start from its weights"
        )
    return sha256_of(path)


def _features(job: TrainingJob, reader: ShardReader) -> tuple[str, ...]:
    """Return the job's features, after checking that the shards hold them."""
    wanted = job.recipe.feature_set
    found = str(reader.manifest.provenance.options["feature_set"])
    remedy = (
        f"Run `nai etl --feature-set {wanted}`, or choose another feature_set in "
        "model.toml."
    )
    if job.features is None:
        if wanted != found:
            raise DataError(
                f"{job.shards} holds the feature set '{found}', but model '{job.name}' "
                f"sees '{wanted}'. {remedy}"
            )
        return reader.manifest.features
    known = set(reader.manifest.features)
    missing = [name for name in job.features if name not in known]
    if missing:
        raise DataError(
            f"{job.shards} lacks {len(missing):,} of the {len(job.features):,} "
            f"features of the set '{wanted}', which model '{job.name}' sees, such as "
            f"{missing[0]}. {remedy}"
        )
    return job.features
