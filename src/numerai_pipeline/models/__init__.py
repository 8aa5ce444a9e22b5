"""The zoo: every model family behind one protocol: networks, trees, any estimator."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from numerai_pipeline.core import Positive, PositiveFloat
from numerai_pipeline.models.creating import new_model
from numerai_pipeline.models.ensembles import (
    ENSEMBLE_SUMMARY,
    EnsembleParameters,
    complete_ensemble,
    ensemble_parameters,
    is_ensemble,
    write_ensemble,
)
from numerai_pipeline.models.estimators.checked import CheckedEstimator
from numerai_pipeline.models.estimators.family import (
    EstimatorFamily,
    EstimatorParameters,
    EstimatorTraining,
)
from numerai_pipeline.models.estimators.rows import (
    Batch,
    Dtype,
    PartRows,
    TrainingRows,
)
from numerai_pipeline.models.networks.dense import (
    DenseParameters,
    LayerParameters,
    dense_layers,
)
from numerai_pipeline.models.networks.family import (
    ClassesTraining,
    KerasFamily,
    KerasTraining,
)
from numerai_pipeline.models.networks.files import load_network, save_network
from numerai_pipeline.models.networks.heads import Learns, class_head
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import (
    KerasParameters,
    network_input,
    target_head,
)
from numerai_pipeline.models.neutralize import Neutralize, Prediction
from numerai_pipeline.models.protocol import (
    CLASS_VALUES,
    Engine,
    Family,
    Predictor,
    TrainingTable,
)
from numerai_pipeline.models.recipe import (
    CheckedRecipe,
    Recipe,
    check_recipe,
    load_recipe,
    override,
)
from numerai_pipeline.models.registry import ENSEMBLE, families, family
from numerai_pipeline.models.ridge import (
    RidgeModel,
    RidgeTraining,
    in_doubles,
    predict_linear,
)
from numerai_pipeline.models.trees.family import (
    TreesFamily,
    TreesParameters,
    TreesTraining,
)
from numerai_pipeline.models.user_code import end_if_forked
from numerai_pipeline.models.user_zoo import (
    load_user_families,
    read_user_family,
    run_user_family,
)

if TYPE_CHECKING:
    from numerai_pipeline.models.networks.members import MemberDense
    from numerai_pipeline.models.networks.reconstruction import ReconstructionLoss
    from numerai_pipeline.models.networks.unpacking import UnpackFeatures

# This package's own layers: subclasses of Keras classes, which need Keras.
_LAYERS = {
    "MemberDense": "members",
    "ReconstructionLoss": "reconstruction",
    "UnpackFeatures": "unpacking",
}

__all__ = [
    "CLASS_VALUES",
    "ENSEMBLE",
    "ENSEMBLE_SUMMARY",
    "Batch",
    "CheckedEstimator",
    "CheckedRecipe",
    "ClassesTraining",
    "DenseParameters",
    "Dtype",
    "Engine",
    "EnsembleParameters",
    "EstimatorFamily",
    "EstimatorParameters",
    "EstimatorTraining",
    "Family",
    "KerasFamily",
    "KerasParameters",
    "KerasTraining",
    "LayerParameters",
    "Learns",
    "MemberDense",
    "Neutralize",
    "PartRows",
    "Positive",
    "PositiveFloat",
    "Prediction",
    "Predictor",
    "Recipe",
    "ReconstructionLoss",
    "RidgeModel",
    "RidgeTraining",
    "TrainingRows",
    "TrainingTable",
    "TreesFamily",
    "TreesParameters",
    "TreesTraining",
    "UnpackFeatures",
    "check_recipe",
    "class_head",
    "complete_ensemble",
    "dense_layers",
    "end_if_forked",
    "ensemble_parameters",
    "families",
    "family",
    "in_doubles",
    "is_ensemble",
    "load_keras",
    "load_network",
    "load_recipe",
    "load_user_families",
    "network_input",
    "new_model",
    "override",
    "predict_linear",
    "read_user_family",
    "run_user_family",
    "save_network",
    "target_head",
    "write_ensemble",
]


def __getattr__(name: str) -> Any:
    """Import a layer on its first use."""
    if name in _LAYERS:
        module = import_module(f"{__name__}.networks.{_LAYERS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
