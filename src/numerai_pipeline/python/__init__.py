"""Every command as a call that returns data frames and figures; see the package."""

from numerai_pipeline.python.learning import best, score, tensorboard, train
from numerai_pipeline.python.play import DEMO_MODELS, Played, Playing, demo, playing
from numerai_pipeline.python.preparing import download, etl, init, inspect, new, zoo
from numerai_pipeline.python.results import Description, Scored, Standing, Trained
from numerai_pipeline.python.rounds import predict, status, submit
from numerai_pipeline.python.simulation import Simulation, simulate, simulator_errors

__all__ = [
    "DEMO_MODELS",
    "Description",
    "Played",
    "Playing",
    "Scored",
    "Simulation",
    "Standing",
    "Trained",
    "best",
    "demo",
    "download",
    "etl",
    "init",
    "inspect",
    "new",
    "playing",
    "predict",
    "score",
    "simulate",
    "simulator_errors",
    "status",
    "submit",
    "tensorboard",
    "train",
    "zoo",
]
