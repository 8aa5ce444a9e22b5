"""One training: recipe + shards + seed -> a run folder that explains itself."""

from numerai_pipeline.training.history import Epoch, best_epoch
from numerai_pipeline.training.plan import TrainingJob
from numerai_pipeline.training.run import BestEpoch, Run, latest_run
from numerai_pipeline.training.trainer import train

__all__ = [
    "BestEpoch",
    "Epoch",
    "Run",
    "TrainingJob",
    "best_epoch",
    "latest_run",
    "train",
]
