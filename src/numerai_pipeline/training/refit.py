"""A run's recipe on every resolved era."""

from dataclasses import replace

from numerai_pipeline.core import ConfigError
from numerai_pipeline.data import Fold, ShardReader, eras_subset
from numerai_pipeline.training.job import TrainingJob
from numerai_pipeline.training.labels import resolved_eras
from numerai_pipeline.training.run import Run


def refit_job(job: TrainingJob, run: Run, reader: ShardReader) -> TrainingJob:
    """Return the job that trains as long as a run found best, on every resolved era.

    Args:
        job: trains the run's recipe on the shards that are there now.
        run: a finished run of that recipe, chosen on validation eras.
        reader: of the job's shards; the lockbox, and the purge before it, are left out.

    Raises:
        ConfigError: if it has rolling windows, or was not chosen on any eras.
        DataError: if the run's history is broken.
    """
    if run.has_windows:
        raise ConfigError(
            f"the run {run.folder.name} of '{run.name}' has rolling windows, each with "
            "eras of its own, so it cannot be refitted on all of them at once."
        )
    if run.refit_of:
        raise ConfigError(
            f"the run {run.folder.name} of '{run.name}' is a refit itself. Refit the "
            f"run that found the number of epochs or trees: `nai refit {run.name} "
            f"{run.refit_of}`."
        )
    eras = resolved_eras(reader, run.target, purge=job.fold.purge)
    is_chosen = eras_subset(job.recipe.eras or "1-")
    return replace(
        job,
        fold=Fold(tuple(filter(is_chosen, eras)), (), purge=job.fold.purge),
        stop_at=run.best_epochs(),
        refit_of=run.folder.name,
    )
