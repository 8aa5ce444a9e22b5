"""What all Keras families share: training options, prediction.

A family of networks is a ``KerasFamily`` with its own table of parameters and a
function that builds the network from them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field, field_validator, model_validator

from numerai_pipeline.core import (
    ConfigError,
    Frozen,
    PipelineError,
    Positive,
    PositiveFloat,
)
from numerai_pipeline.models.networks.files import (
    KerasPredictor,
    read_spec,
    save_network,
)
from numerai_pipeline.models.networks.heads import VALUES, Learns
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import HEAD, KerasParameters
from numerai_pipeline.models.networks.transform import parse_transform
from numerai_pipeline.models.protocol import (
    Engine,
    Predictor,
    TrainingTable,
    UntrainedSpec,
    load_models,
)

if TYPE_CHECKING:
    from numerai_pipeline.models.recipe import Recipe


class KerasTraining(TrainingTable):
    """``[training]`` of every Keras family."""

    epochs: Positive = Field(
        default=30, description="maximum; early stopping usually ends training before"
    )
    batch_rows: Positive = Field(
        default=1_024,
        description="rows per step; smaller batches learn more per epoch, but slower",
    )
    batches: Literal["rows", "eras"] = Field(
        default="rows",
        description="eras: each batch has rows of one era, and all eras have the same "
        "number of batches, so they weigh the same",
    )
    era_weights: Literal["rows", "eras"] = Field(
        default="rows",
        description="eras: all eras have the same weight",
    )
    loss: Literal["mse", "mae", "huber", "corr"] = Field(
        default="mse",
        description="mse predicts the mean of the target; corr is 1 - CORR of a "
        'batch of one era, and needs batches = "eras"',
    )
    optimizer: Literal["adamw", "adam", "sgd", "lion"] = Field(
        default="adamw", description="adamw is adam with decoupled weight decay"
    )
    learning_rate: PositiveFloat = Field(
        default=1e-3, description="the usual default of adamw; use a tenth with lion"
    )
    weight_decay: float = Field(
        default=1e-2,
        ge=0.0,
        description="of adamw and lion; regularizes, since the signal is weak",
    )
    clip_norm: PositiveFloat = Field(
        default=1.0,
        description="maximum norm of a gradient: limits the effect of an odd batch",
    )
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="cosine: the learning rate falls to 0 at the last epoch, so set "
        "epochs to the number that you want to train",
    )
    warmup_epochs: float = Field(
        default=0.0,
        ge=0.0,
        description="epochs in which the learning rate rises; fractions are allowed",
    )
    xla: bool = Field(
        default=False,
        description="compile a step with XLA: slower to start, one device only",
    )
    deterministic: bool = Field(
        default=False,
        description="use reproducible operations on a GPU, which are slower; "
        "those of a CPU always are reproducible",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "KerasTraining":
        if self.loss == "corr" and self.batches != "eras":
            raise ValueError(
                'loss = "corr" compares the rows of an era, so it needs '
                'batches = "eras"'
            )
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs}, more than epochs, "
                f"{self.epochs}"
            )
        return self


class ClassesTraining(KerasTraining):
    """``[training]`` of the families that learn classes."""

    # The other losses do not work with classes.
    loss: Literal["crossentropy"] = Field(  # type: ignore[assignment]
        default="crossentropy", description="predicts the probabilities of the classes"
    )

    @field_validator("monitor", mode="before")
    @classmethod
    def _refuse_accuracy(cls, monitor: object) -> object:
        if monitor == "val_accuracy":
            raise ValueError(
                "val_accuracy cannot choose an epoch: the middle class, half of all "
                "rows, is nearly always the most probable, so it stays at 0.5. Choose "
                "val_loss or val_corr"
            )
        return monitor


@dataclass(frozen=True)
class KerasFamily:
    """A family of networks.

    Attributes:
        name: its name in the recipe.
        summary: one line for ``nai zoo``.
        Parameters: the table ``[parameters]``.
        build: builds the network from parameters and the number of features. Input:
            ``(batch, n_features)`` float32, codes 0..4 and the recipe's value for
            missing ones. Its one output is the raw head, or passes that through.
        Training: the table ``[training]``.
        presets: name -> parameters and ``training.`` options that differ from the
            defaults.
        learns: the output of the raw head, which is the layer named ``target``.
            ``values``: ``(batch, targets)``; ``classes``: probabilities, ``(batch,
            targets, 5)``; ``members``: ``(batch, targets, members)``, a value of each
            member of an ensemble, which learn the target each.
        value: turns parameters and raw head into ``(batch, targets)`` values, with
            ``keras.ops`` alone, so that Keras can load it. None: the head itself, the
            expectation over the classes, or the mean over the members.
        source: text of the file of a user's own family; empty for a built-in one.
    """

    name: str
    summary: str
    Parameters: type[KerasParameters]
    build: Callable[[Any, int], Any]
    Training: type[KerasTraining] = KerasTraining
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    learns: Learns = "values"
    value: Callable[[Any, Any], Any] | None = None
    source: str = field(default="", repr=False)
    engine: Engine = "keras"
    untrained_file: str = "untrained.keras"
    trained_suffix: str = ".keras"
    learns_jointly: ClassVar[bool] = True

    def learns_classes(self, _parameters: Frozen) -> bool:
        """Return whether the network predicts classes; see ``Family``."""
        return self.learns == "classes"

    def check(self, recipe: "Recipe", parameters: Frozen) -> None:
        """Check a recipe against what a network can do; see ``Family``.

        Raises:
            ConfigError: if the transform is wrong, nothing fills missing features, or
                a target is named twice.
        """
        table = cast(KerasParameters, parameters)
        transform = parse_transform(table.transform)
        transform.check_missing(recipe.missing)
        transform.check_targets(
            learns_classes=self.learns == "classes", family=self.name
        )
        targets = (recipe.target, *table.also_targets)
        for name in targets:
            if targets.count(name) > 1:
                raise ConfigError(
                    f"'{name}' is learned twice. Name it in 'target' or in "
                    "'also_targets', once."
                )

    def network(self, parameters: Frozen, n_features: int) -> Any:
        """Build the network in the precision of the parameters.

        Raises:
            ConfigError: if the parameters do not fit the features, the network does
                not fit into memory, or a user's own ``build`` fails.
        """
        import tensorflow as tf

        try:
            with _precision(cast(KerasParameters, parameters).precision):
                return self.build(parameters, n_features)
        except PipelineError:
            raise
        except tf.errors.ResourceExhaustedError as error:
            raise ConfigError(
                f"the network '{self.name}' with these [parameters] does not fit "
                "into memory. Make it smaller."
            ) from error
        except Exception as error:
            if not self.source:
                raise
            raise ConfigError(
                f"build of the family '{self.name}' in zoo/ fails with "
                f"{type(error).__name__}: {_first_line(error)}. Fix its file."
            ) from error

    def predicting(self, model: Any, parameters: Frozen) -> Any:
        """Return the part of a network that predicts, with the same layers.

        Args:
            model: what ``build`` returned, or a network made by hand, whose output is
                the values unless it has a layer ``target``.
            parameters: what it was made from.

        Returns:
            A ``keras.Model``: ``(batch, n_features)`` to ``(batch, targets)``. It has
            neither decoder nor losses, and Keras loads it without the recipe.
        """
        values = model.outputs[0]
        if HEAD in [layer.name for layer in model.layers]:
            value = self.value or VALUES[self.learns]
            values = value(parameters, model.get_layer(HEAD).output)
        return load_keras().Model(model.inputs[0], values, name=model.name)

    def write_untrained(
        self, parameters: Frozen, *, n_features: int, seed: int, path: Path
    ) -> None:
        """Write the network with its first weights; see ``Family``."""
        load_keras().utils.set_random_seed(seed)
        model = self.network(parameters, n_features)
        spec = UntrainedSpec.of(self, parameters, n_features=n_features, seed=seed)
        save_network(model, path, spec)

    def spec_of(self, path: Path) -> Mapping[str, Any] | None:
        """Return the spec of an untrained network; see ``Family``."""
        return read_spec(path)

    def load(self, path: Path) -> Predictor:
        """Load a trained network for prediction; see ``Family``."""
        return load_models(path, KerasPredictor)


def _first_line(error: Exception) -> str:
    """Return the first line of a message; Keras appends the whole call to it."""
    return str(error).partition("\n")[0].rstrip(".") or "no reason given"


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Make Keras build layers with a precision."""
    keras = load_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
