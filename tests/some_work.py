"""Work for processes, which import it by name."""

import os
import time
from pathlib import Path

from numerai_pipeline.core import DataError


def square(number, progress):
    """Return a square; 0 fails, 13 is a bug, and -1 kills the process."""
    with progress.task("squaring", 1, "numbers") as advance:
        if number == 0:
            raise DataError("zero has no rows. Choose another number.")
        if number == 13:
            raise ZeroDivisionError("thirteen")
        if number == -1:
            os._exit(9)
        advance(1)
    progress.note(f"squared {number} with {os.environ['OMP_NUM_THREADS']} threads")
    return number**2


def write_forever(path, progress):
    """Report the process's number, then work until something ends it."""
    Path(path).write_text(str(os.getpid()))
    while True:
        progress.note("working")
        time.sleep(0.01)
