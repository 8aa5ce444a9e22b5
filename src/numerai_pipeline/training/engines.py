"""The engines, which are imported only when one is needed."""

from typing import Protocol

from numerai_pipeline.models import Engine, TrainingTable, load_lightgbm
from numerai_pipeline.training.assignment import Assignment


class EngineModule(Protocol):
    """What a module or an object must have to be an engine.

    Every engine goes on where a training was killed, and makes what it would have
    made without the kill.
    """

    def unit(self, training: TrainingTable, /) -> str:
        """Tell what its history counts, such as ``epoch``."""
        ...

    @property
    def PACKAGES(self) -> tuple[str, ...]:
        """Packages whose versions a run records."""
        ...

    def device(self, training: TrainingTable, /) -> str:
        """Name what it trains on.

        Raises:
            ConfigError: if the device that is asked for is not there.
        """
        ...

    def fit(self, assignment: Assignment) -> None:
        """Train what is left, and keep the best model at ``best_path``."""
        ...


def load_engine(name: Engine) -> EngineModule:
    """Import an engine with its framework.

    Raises:
        ConfigError: if its package, or a library that it needs, is not installed; the
            remedy is named.
    """
    if name == "keras":
        from numerai_pipeline.training.networks import engine

        return engine
    from numerai_pipeline.training.trees.engine import TreesEngine

    if name == "lightgbm":
        load_lightgbm()  # and what it needs; the next line imports it by name
        from numerai_pipeline.training.trees.lightgbm_trees import LightgbmLibrary

        return TreesEngine(LightgbmLibrary())
    if name == "xgboost":
        from numerai_pipeline.training.trees.xgboost_trees import XgboostLibrary

        return TreesEngine(XgboostLibrary())
    from numerai_pipeline.training.trees.catboost_trees import CatboostLibrary

    return TreesEngine(CatboostLibrary())
