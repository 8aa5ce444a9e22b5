"""The work as repeatable steps, each safe to run again."""

from numerai_pipeline.api.base import Pipeline, create_workspace
from numerai_pipeline.api.data import (
    FILES_OF_KIND,
    download_data,
    download_live,
    etl,
    etl_options,
    new,
)
from numerai_pipeline.api.models import (
    ZooEntry,
    best_run,
    describe,
    score,
    train,
    training_job,
    zoo,
)
from numerai_pipeline.api.rounds import (
    Prediction,
    Status,
    predict,
    predictions_path,
    status,
    submit,
)
from numerai_pipeline.api.tensorboard import (
    Board,
    prepare_tensorboard,
    start_tensorboard,
    tensorboard,
)

__all__ = [
    "FILES_OF_KIND",
    "Board",
    "Pipeline",
    "Prediction",
    "Status",
    "ZooEntry",
    "best_run",
    "create_workspace",
    "describe",
    "download_data",
    "download_live",
    "etl",
    "etl_options",
    "new",
    "predict",
    "predictions_path",
    "prepare_tensorboard",
    "score",
    "start_tensorboard",
    "status",
    "submit",
    "tensorboard",
    "train",
    "training_job",
    "zoo",
]
