"""Entry of `nai`, of `numerai-pipeline` and of `python -m numerai_pipeline`."""

import sys

from numerai_pipeline.cli import run


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
