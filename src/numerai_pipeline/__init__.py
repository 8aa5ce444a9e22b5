"""numerai-pipeline: the Numerai tournament from download to scored submission."""

__version__ = "0.1.0"
