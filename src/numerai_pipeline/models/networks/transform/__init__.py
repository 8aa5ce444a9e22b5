"""The transform mini-language: text to a pipeline of Keras's own operations."""

from numerai_pipeline.models.networks.transform.language import (
    Transform,
    parse_transform,
)

__all__ = ["Transform", "parse_transform"]
