"""One training as a function: recipe + shards + seed -> run folder."""

from pathlib import Path

from numerai_pipeline.core import (
    SILENT,
    DataError,
    Progress,
    Recipe,
    digest_of,
    format_time,
    locked,
)
from numerai_pipeline.data import ShardReader
from numerai_pipeline.training.assignment import Assignment
from numerai_pipeline.training.begin import begin_run, find_run, short
from numerai_pipeline.training.curves import Curves
from numerai_pipeline.training.engines import EngineModule, load_engine
from numerai_pipeline.training.labels import Labels
from numerai_pipeline.training.picture import plot_training
from numerai_pipeline.training.plan import Plan, TrainingJob, make_plan
from numerai_pipeline.training.recorder import Recorder
from numerai_pipeline.training.run import (
    CONFIG_FILE,
    CURVES_FOLDER,
    FAMILY_FILE,
    FEATURES_FILE,
    HISTORY_FILE,
    Run,
    latest_run,
    mark_asked,
    mark_done,
)


def train(job: TrainingJob, *, progress: Progress = SILENT) -> Run:
    """Train a model and return its run.

    The same recipe on the same shards from the same untrained model is the same
    run: if it is finished it is returned at once, if not it goes on.

    Raises:
        ConfigError: if the recipe is wrong, the shards hold nothing out, or another
            process trains this very run.
        DataError: if the shards lack what the recipe names, a file of the run is
            broken, or the loss is no number any more.
    """
    plan = make_plan(job)
    with locked(job.runs / short(plan.fingerprint), doing=f"training '{job.name}'"):
        folder = find_run(job.runs, plan.fingerprint)
        if folder is not None and Run.open(folder).is_done:
            return _ask_again(job, Run.open(folder))
        engine = load_engine(plan.checked.family.engine)
        if folder is None:
            folder = begin_run(plan, engine, progress)
        begun = Run.open(folder)
        if _digest(begun.features, begun.recipe) != _digest(
            plan.features, plan.checked.complete()
        ):
            raise DataError(
                f"{folder} was changed since it was begun. Delete it and train again."
            )
        try:
            _train_what_is_left(plan, folder, engine, progress)
        except DataError:
            _check_shards(plan, folder)  # new ones break what reads the old ones
            raise
    return Run.open(folder)


def _ask_again(job: TrainingJob, run: Run) -> Run:
    """Make a finished run the latest one, since it is what was asked for."""
    if latest_run(job.runs).folder != run.folder:
        mark_asked(run.folder, format_time(job.started))
    curves = run.folder / CURVES_FOLDER
    if job.tensorboard and not curves.is_dir():
        Curves(curves, run.history()).close()
    return run


def _train_what_is_left(
    plan: Plan, folder: Path, engine: EngineModule, progress: Progress
) -> None:
    """Train up to the last epoch, draw the curves and call the run done."""
    job = plan.job
    recorder = Recorder(
        folder / HISTORY_FILE,
        plan.checked.training,
        unit=engine.unit(plan.checked.training),
        curves=folder / CURVES_FOLDER if job.tensorboard else None,
        progress=progress,
        title=f"{job.name}, run {folder.name}",
    )
    assignment = Assignment(
        plan=plan,
        folder=folder,
        held_out=Labels.read(plan.reader, "valid", job.recipe.target),
        recorder=recorder,
        progress=progress,
    )
    engine.fit(assignment)
    recorder.close()
    _check_shards(plan, folder)
    if recorder.best is None:
        raise DataError(
            f"'{job.name}' predicts the same for all rows of a held-out era in every "
            "epoch, so none is the best by val_corr. Raise learning_rate in "
            "model.toml, or check that the features vary."
        )
    plot_training(recorder.chart(), folder / "plots" / "training.png")
    models = sorted(assignment.checkpoints.rglob(assignment.best_path.name))
    mark_done(
        folder,
        (
            CONFIG_FILE,
            FEATURES_FILE,
            HISTORY_FILE,
            *([FAMILY_FILE] if (folder / FAMILY_FILE).is_file() else []),
            *(path.relative_to(folder).as_posix() for path in models),
        ),
        asked=format_time(job.started),
    )


def _digest(features: tuple[str, ...], recipe: Recipe) -> str:
    """Return what two of a kind have in common, NaN too, which equals nothing."""
    return digest_of([features, recipe.model_dump(mode="json")])


def _check_shards(plan: Plan, folder: Path) -> None:
    """Refuse a run whose shards are not those any more with which it was begun."""
    job = plan.job
    if ShardReader(job.shards).manifest.fingerprint != plan.reader.manifest.fingerprint:
        raise DataError(
            f"{job.shards} was made anew while '{job.name}' was training. Delete "
            f"{folder} and train again."
        )
