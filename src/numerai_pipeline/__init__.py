"""numerai-pipeline: the Numerai tournament from download to scored submission."""

from importlib.metadata import version

__version__ = version("numerai-pipeline")
