"""One training as a function: job -> run folder.

The same recipe, fold, seed and shards make the same run: a finished one is returned
at once, a killed one is resumed. Where only ``[prediction]`` differs, the trained
models are taken over.
"""

import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from numerai_pipeline.core import (
    PARTIAL_SUFFIX,
    SILENT,
    ConfigError,
    DataError,
    Progress,
    atomic_folder,
    dated_name,
    digest_of,
    format_time,
    heal_folder,
    locked,
    read_toml,
    retrain,
    short_of,
    write_json,
    write_text,
    write_toml,
)
from numerai_pipeline.data import ShardReader
from numerai_pipeline.models import Engine, Recipe, TrainingTable
from numerai_pipeline.training.history import measured_of_window, unit_of
from numerai_pipeline.training.job import Plan, TrainingJob, make_plan
from numerai_pipeline.training.plots import plot_training
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.run import (
    CONFIG_FILE,
    CURVES_FOLDER,
    FAMILY_FILE,
    FEATURES_FILE,
    HISTORY_FILE,
    Run,
    mark_asked,
    mark_done,
)
from numerai_pipeline.training.runs import latest_run
from numerai_pipeline.training.taking_over import (
    features_record,
    find_trained,
    fingerprints_of,
    take_over,
)
from numerai_pipeline.training.task import Task, make_task
from numerai_pipeline.training.tensorboard import write_curves


class EngineModule(Protocol):
    """What a module or an object must have to be an engine.

    An engine resumes a killed training, and makes what it would have made without the
    kill.
    """

    @property
    def PACKAGES(self) -> tuple[str, ...]:
        """Packages whose versions a run records."""
        ...

    def device(self, training: TrainingTable, /) -> str:
        """Name what it trains on.

        Raises:
            ConfigError: if the requested device is not available.
        """
        ...

    def fit(self, task: Task) -> None:
        """Train what is left, and keep the best model at ``best_path``."""
        ...


def load_engine(name: Engine, progress: Progress = SILENT) -> EngineModule:
    """Import an engine with its framework.

    Args:
        name: of the engine.
        progress: where the import of TensorFlow is reported: it takes seconds.

    Raises:
        ConfigError: if its package, or a library that it needs, is not installed; the
            remedy is named.
    """
    if name == "keras":
        if "tensorflow" not in sys.modules:
            progress.note("loading TensorFlow")
        from numerai_pipeline.training.networks import fitting

        return fitting
    if name == "ridge":
        from numerai_pipeline.training.ridge import engine as ridge_engine

        return ridge_engine
    if name == "estimator":
        from numerai_pipeline.training.estimators import engine

        return engine
    from numerai_pipeline.training.trees.engine import TreesEngine

    if name == "lightgbm":
        from numerai_pipeline.training.trees.lightgbm.booster import LightgbmBackend

        return TreesEngine(LightgbmBackend())
    if name == "xgboost":
        from numerai_pipeline.training.trees.xgboost.booster import XgboostBackend

        return TreesEngine(XgboostBackend())
    from numerai_pipeline.training.trees.catboost.booster import CatboostBackend

    return TreesEngine(CatboostBackend())


def train(
    job: TrainingJob,
    *,
    progress: Progress = SILENT,
    restart: bool = False,
    on_done: Callable[[Run], None] = lambda _run: None,
) -> Run:
    """Train the models of a job and return their run.

    Args:
        job: what to train.
        progress: where to report.
        restart: replace the run, broken or finished, by one that is trained from the
            beginning, under the same name.
        on_done: called with the run before anybody else can train it.

    Raises:
        ConfigError: if the recipe is wrong, there are no eras to choose by, or another
            process trains this very run.
        DataError: if the shards lack what the recipe names, a file of the run is
            broken, or the loss becomes NaN or infinite.
    """
    plan = make_plan(job, progress)
    with locked(job.runs / _short(plan), doing=f"training '{job.name}'"):
        _heal(job.runs, plan)
        folder = find_run(job.runs, plan.fingerprint)
        _sweep(job.runs, plan, folder)
        trained = None if folder or restart else find_trained(plan)
        if trained is not None:
            folder = take_over(plan, trained, _new_name(plan), progress)
        if folder is None or restart or not Run.open(folder).is_done:
            engine = load_engine(plan.checked.family.engine, progress)
            if folder is None or restart:
                # It replaces a former run at once: before, that one is whole.
                name = folder.name if folder else _new_name(plan)
                folder = begin_run(plan, engine, name)
            _check_unchanged(plan, Run.open(folder))
            recorder = _recorder(plan, folder, progress)
            tasks = [make_task(plan, model, folder, recorder) for model in plan.models]
            try:
                for task in tasks:
                    engine.fit(task)
                    _record_window(task, tasks, recorder)
                _finish(plan, folder, recorder, tasks)
            except DataError:
                _check_shards(plan, folder)  # new ones break what reads the old ones
                raise
        run = Run.open(folder)
        if latest_run(job.runs).folder != folder:
            mark_asked(folder, job.started)
        curves = folder / CURVES_FOLDER
        if job.tensorboard and not curves.is_dir():
            write_curves(folder / HISTORY_FILE, curves)
        on_done(run)
    return run


def _heal(runs: Path, plan: Plan) -> None:
    """Put back a run that a kill moved away before its restart could replace it."""
    for moved in runs.glob(f".*-{_short(plan)}.*{PARTIAL_SUFFIX}"):
        heal_folder(runs / moved.name.split(".")[1])


def _sweep(runs: Path, plan: Plan, folder: Path | None) -> None:
    """Delete what killed trainings of this very run have left half-written."""
    for leftover in runs.glob(f".*-{_short(plan)}.*{PARTIAL_SUFFIX}"):
        shutil.rmtree(leftover, ignore_errors=True)
    for leftover in folder.rglob(f".*{PARTIAL_SUFFIX}") if folder else ():
        leftover.unlink(missing_ok=True)


def find_run(runs: Path, fingerprint: str) -> Path | None:
    """Return the folder of the run with this fingerprint, if there is one."""
    for folder in sorted(runs.glob(f"*-{short_of(fingerprint)}")):
        try:
            run = read_toml(folder / CONFIG_FILE)["run"]
            if run["fingerprint"] == fingerprint:
                return folder
        except (ConfigError, KeyError, OSError, TypeError):
            continue  # `Run.open` reports it when the run is needed
    return None


def begin_run(plan: Plan, engine: EngineModule, name: str) -> Path:
    """Make the run folder with everything that training starts from, atomically."""
    job = plan.job
    family = plan.checked.family
    folder = job.runs / name
    with atomic_folder(folder) as partial:
        for number in range(1, job.recipe.seeds + 1):
            plan.checked.write_untrained(
                job.untrained,
                n_features=len(plan.features),
                into=partial / plan.checked.untrained_file(number),
                number=number,
            )
        if family.source:
            write_text(partial / FAMILY_FILE, family.source)
        (partial / "checkpoints").mkdir()
        write_json(partial / FEATURES_FILE, features_record(plan))
        write_toml(partial / CONFIG_FILE, _config(plan, engine))
    return folder


def _config(plan: Plan, engine: EngineModule) -> dict[str, object]:
    job, manifest = plan.job, plan.reader.manifest
    packages = ("numerai-pipeline", "numpy", *engine.PACKAGES)
    return {
        "run": {
            "name": job.name,
            "started": format_time(job.started),
            **fingerprints_of(plan),
            "shards": job.shards.name,
            "shards_fingerprint": manifest.fingerprint,
            "data_version": manifest.data_version,
            "n_features": len(plan.features),
            "refit_of": job.refit_of,
            "device": engine.device(plan.checked.training),
        },
        "fold": job.fold.to_dict(),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "recipe": plan.checked.complete().model_dump(mode="json"),
    }


def _recorder(plan: Plan, folder: Path, progress: Progress) -> Recorder:
    return Recorder(
        folder / HISTORY_FILE,
        plan.checked.training,
        unit=unit_of(plan.checked.complete().model_dump()),
        tensorboard=folder / CURVES_FOLDER if plan.job.tensorboard else None,
        progress=progress,
        title=f"{plan.job.name}, run {folder.name}",
        has_validation=bool(plan.job.fold.validation),
    )


def _record_window(task: Task, tasks: Sequence[Task], recorder: Recorder) -> None:
    """Add a line to the run's history when the last model of a window is trained."""
    number = task.model.window
    of_window = [one for one in tasks if one.model.window == number]
    if not number or task is not of_window[-1] or number <= len(recorder.rows):
        return
    rows = of_window[0].recorder.rows
    # Without a best epoch there is no model either; the last line shows why.
    best = of_window[0].recorder.best or rows[-1]
    recorder.record(number, **measured_of_window(rows, best))


def _finish(
    plan: Plan, folder: Path, recorder: Recorder, tasks: Sequence[Task]
) -> None:
    """Plot the curves and mark the run as finished."""
    recorder.close()
    _check_shards(plan, folder)
    if recorder.best is None:
        raise DataError(
            f"'{plan.job.name}' predicts the same for all rows of every validation era "
            "in every epoch, so none is the best by val_corr. Raise learning_rate in "
            "model.toml, or check that the features vary."
        )
    _check_kept(tasks)
    plot_training(recorder.chart(), folder / "plots" / "training.png")
    models = sorted(
        (folder / "checkpoints").rglob(f"best{plan.checked.family.trained_suffix}")
    )
    mark_done(
        folder,
        (
            CONFIG_FILE,
            FEATURES_FILE,
            HISTORY_FILE,
            *([FAMILY_FILE] if (folder / FAMILY_FILE).is_file() else []),
            *(path.relative_to(folder).as_posix() for path in models),
        ),
        asked=plan.job.started,
    )


def _new_name(plan: Plan) -> str:
    return dated_name(plan.job.started, plan.fingerprint)


def _check_kept(tasks: Sequence[Task]) -> None:
    """Check that no best model is gone: code of a user's family may delete files."""
    for task in tasks:
        if task.recorder.best is not None and not task.best_path.is_file():
            raise DataError(
                f"{task.best_path}, the best model of '{task.plan.job.name}', was "
                f"deleted during the training. {retrain(task.folder)}"
            )


def _short(plan: Plan) -> str:
    return short_of(plan.fingerprint)


def _check_unchanged(plan: Plan, begun: Run) -> None:
    if _digest(begun.features, begun.recipe) != _digest(
        plan.features, plan.checked.complete()
    ):
        raise DataError(
            f"{begun.folder} was changed since it was begun. {retrain(begun.folder)}"
        )


def _digest(features: tuple[str, ...], recipe: Recipe) -> str:
    """Return a digest to compare recipes by; NaN equals NaN in it."""
    return digest_of([features, recipe.model_dump(mode="json")])


def _check_shards(plan: Plan, folder: Path) -> None:
    """Refuse a run whose shards were rebuilt since it was started."""
    job = plan.job
    if ShardReader(job.shards).manifest.fingerprint != plan.reader.manifest.fingerprint:
        raise DataError(
            f"{job.shards} was rebuilt while '{job.name}' was training. "
            f"{retrain(folder)}"
        )
