"""The zoo: every model family behind one protocol, networks and trees alike."""

from typing import TYPE_CHECKING, Any

from numerai_pipeline.models.networks.family import (
    ClassesTraining,
    KerasFamily,
    KerasTraining,
    Learns,
    load_network,
    save_network,
)
from numerai_pipeline.models.networks.quiet_keras import load_keras
from numerai_pipeline.models.protocol import (
    Engine,
    Family,
    Origin,
    Predictor,
    TrainingTable,
)
from numerai_pipeline.models.recipe import (
    CheckedRecipe,
    check_recipe,
    new_model,
    override,
)
from numerai_pipeline.models.registry import families, family
from numerai_pipeline.models.trees.catboost_family import (
    class_probabilities,
    load_catboost,
    read_catboost,
    write_catboost,
)
from numerai_pipeline.models.trees.family import (
    CLASS_VALUES,
    TreesFamily,
    TreesParameters,
    TreesTraining,
    expected_value,
)
from numerai_pipeline.models.trees.lightgbm_family import (
    LIGHTGBM_DATASET,
    load_lightgbm,
)
from numerai_pipeline.models.trees.xgboost_family import (
    XGBOOST_MAX_BIN,
    load_xgboost,
    read_xgboost,
)

if TYPE_CHECKING:
    from numerai_pipeline.models.networks.unpacking import UnpackFeatures

__all__ = [
    "CLASS_VALUES",
    "LIGHTGBM_DATASET",
    "XGBOOST_MAX_BIN",
    "CheckedRecipe",
    "ClassesTraining",
    "Engine",
    "Family",
    "KerasFamily",
    "KerasTraining",
    "Learns",
    "Origin",
    "Predictor",
    "TrainingTable",
    "TreesFamily",
    "TreesParameters",
    "TreesTraining",
    "UnpackFeatures",
    "check_recipe",
    "class_probabilities",
    "expected_value",
    "families",
    "family",
    "load_catboost",
    "load_keras",
    "load_lightgbm",
    "load_network",
    "load_xgboost",
    "new_model",
    "override",
    "read_catboost",
    "read_xgboost",
    "save_network",
    "write_catboost",
]


def __getattr__(name: str) -> Any:
    """Import the layer when it is asked for: a class of Keras needs Keras."""
    if name == "UnpackFeatures":
        from numerai_pipeline.models.networks.unpacking import UnpackFeatures

        return UnpackFeatures
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
