"""``python -m numerai_pipeline``, which is ``nai``."""

import sys

from numerai_pipeline.cli import run

if __name__ == "__main__":
    sys.exit(run())
