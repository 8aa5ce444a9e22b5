"""One training: recipe + shards + seed -> a run folder that explains itself."""

from numerai_pipeline.training.curves import write_curves
from numerai_pipeline.training.history import Epoch, best_epoch
from numerai_pipeline.training.picture import draw_training, plot_training
from numerai_pipeline.training.plan import TrainingJob
from numerai_pipeline.training.run import CONFIG_FILE as RUN_CONFIG
from numerai_pipeline.training.run import CURVES_FOLDER, BestEpoch, Run, latest_run
from numerai_pipeline.training.trainer import train

__all__ = [
    "CURVES_FOLDER",
    "RUN_CONFIG",
    "BestEpoch",
    "Epoch",
    "Run",
    "TrainingJob",
    "best_epoch",
    "draw_training",
    "latest_run",
    "plot_training",
    "train",
    "write_curves",
]
