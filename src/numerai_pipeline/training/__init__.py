"""One training: recipe + shards + seed -> a run folder that explains itself."""

from numerai_pipeline.training.history import Epoch, best_epoch
from numerai_pipeline.training.plan import TrainingJob
from numerai_pipeline.training.run import CONFIG_FILE as RUN_CONFIG
from numerai_pipeline.training.run import BestEpoch, Run, latest_run
from numerai_pipeline.training.trainer import train

__all__ = [
    "RUN_CONFIG",
    "BestEpoch",
    "Epoch",
    "Run",
    "TrainingJob",
    "best_epoch",
    "latest_run",
    "train",
]
