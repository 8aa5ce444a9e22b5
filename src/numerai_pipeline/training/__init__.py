"""One training: recipe + fold + seed + shards -> a run folder."""

from numerai_pipeline.training.ensembles import EnsembleJob, make_ensemble_run
from numerai_pipeline.training.executors import Executor, Processes, Serial
from numerai_pipeline.training.history import COLUMNS, Chart, Epoch, best_epoch
from numerai_pipeline.training.job import Plan, TrainingJob, make_plan
from numerai_pipeline.training.labels import resolved_eras
from numerai_pipeline.training.members import Member
from numerai_pipeline.training.plots import draw_training, plot_training
from numerai_pipeline.training.refit import refit_job
from numerai_pipeline.training.resources import (
    allowed_bytes,
    n_cores,
    n_parallel,
    planned_bytes,
)
from numerai_pipeline.training.run import CONFIG_FILE as RUN_CONFIG
from numerai_pipeline.training.run import (
    CURVES_FOLDER,
    DONE_FILE,
    WEIGHTS_FILE,
    Run,
)
from numerai_pipeline.training.runs import (
    keep_production,
    latest_run,
    production_path,
    production_run,
    set_production,
)
from numerai_pipeline.training.tensorboard import write_curves
from numerai_pipeline.training.trainer import train

__all__ = [
    "COLUMNS",
    "CURVES_FOLDER",
    "DONE_FILE",
    "RUN_CONFIG",
    "WEIGHTS_FILE",
    "Chart",
    "EnsembleJob",
    "Epoch",
    "Executor",
    "Member",
    "Plan",
    "Processes",
    "Run",
    "Serial",
    "TrainingJob",
    "allowed_bytes",
    "best_epoch",
    "draw_training",
    "keep_production",
    "latest_run",
    "make_ensemble_run",
    "make_plan",
    "n_cores",
    "n_parallel",
    "planned_bytes",
    "plot_training",
    "production_path",
    "production_run",
    "refit_job",
    "resolved_eras",
    "set_production",
    "train",
    "write_curves",
]
