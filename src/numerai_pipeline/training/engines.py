"""The engines, which are imported only when one is needed."""

from typing import Protocol

from numerai_pipeline.models import Engine
from numerai_pipeline.training.assignment import Assignment


class EngineModule(Protocol):
    """What a module must have to be an engine."""

    @property
    def UNIT(self) -> str:
        """What its history counts."""
        ...

    @property
    def PACKAGES(self) -> tuple[str, ...]:
        """Packages whose versions a run records."""
        ...

    @property
    def RESUMES(self) -> bool:
        """Whether it goes on where it was killed; else it begins anew."""
        ...

    def device(self) -> str:
        """Name what it trains on."""
        ...

    def fit(self, assignment: Assignment) -> None:
        """Train what is left, and keep the best model at ``best_path``."""
        ...


def load_engine(name: Engine) -> EngineModule:
    """Import an engine with its framework."""
    if name == "keras":
        from numerai_pipeline.training import keras_engine

        return keras_engine
    from numerai_pipeline.training import lightgbm_engine

    return lightgbm_engine
