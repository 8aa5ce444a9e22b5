"""``autoencoding_classifier``: reconstructs each feature as one of five classes."""

from typing import Any

from pydantic import Field

from numerai_pipeline.models.networks.autoencoder import (
    BottleneckParameters,
    encode_and_decode,
    target_from,
)
from numerai_pipeline.models.networks.family import KerasFamily
from numerai_pipeline.models.networks.heads import N_CLASSES
from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.parts import centre, code_input, with_noise


class AutoencodingClassifierParameters(BottleneckParameters):
    """``[parameters]`` of ``autoencoding_classifier``."""

    reconstruction_weight: float = Field(
        default=0.03,
        ge=0.0,
        description="weight of the features' cross-entropy; 0.03 makes it as large "
        "at the start as the target's loss, since it is 1.6 then",
    )


def build(parameters: AutoencodingClassifierParameters, n_features: int) -> Any:
    """Build the network: ``(batch, n_features)`` codes to ``(batch, targets)``.

    The logits of a batch are ``(batch, F, 5)``: 56 MB for 1,024 rows of 2,748 features,
    of which training holds about three.
    """
    from numerai_pipeline.models.networks.reconstruction import ReconstructionLoss

    keras = load_keras()
    inputs, codes = code_input(parameters, n_features, flat=True)
    x = with_noise(centre(codes), parameters)
    middle, decoded = encode_and_decode(x, parameters)
    width = codes.shape[1]
    logits = keras.layers.Dense(
        width * N_CLASSES, kernel_initializer="zeros", name="reconstruction"
    )(decoded)
    logits = keras.layers.Reshape((width, N_CLASSES), name="classes")(logits)
    head = target_from(middle, parameters)
    loss = ReconstructionLoss(
        parameters.reconstruction_weight, "crossentropy", name="loss"
    )
    outputs = loss([codes, logits, head])
    return keras.Model(inputs, outputs, name="autoencoding_classifier")


FAMILY = KerasFamily(
    name="autoencoding_classifier",
    summary="bottleneck (Keras): reconstructs features as classes, predicts the target",
    Parameters=AutoencodingClassifierParameters,
    build=build,
)
