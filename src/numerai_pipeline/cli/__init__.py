"""The command line: parse, call one door, print."""

from numerai_pipeline.cli.main import run

__all__ = ["run"]
