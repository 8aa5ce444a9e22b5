"""What the benchmarks share: data at full width, and ways as processes of their own."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numerai_pipeline.data import Fold

ROWS_OF_ERA = 5_000

# Between two looks at the memory that is a process's own.
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Measured:
    """What one run of a way took; imports are not timed, but are in the memory.

    Attributes:
        rows: rows that it went through.
        seconds: how long it took.
        peak_mb: most memory that it had, pages of mapped files included.
        anonymous_mb: most memory that was its own: without such pages, which the
            system can take back.
    """

    rows: int
    seconds: float
    peak_mb: float
    anonymous_mb: float

    @property
    def rows_per_second(self) -> float:
        """Return the speed."""
        return self.rows / self.seconds


def write_market(
    folder: Path,
    n_rows: int,
    rows_of_era: int = ROWS_OF_ERA,
    n_validation_eras: int = 12,
) -> None:
    """Write the simulated market's ``v5.3`` with about ``n_rows`` training rows.

    2,748 features, 41 targets. A process of its own does it:
    Linux counts the peak memory of the parent as the child's, and this process is
    the parent of all that is measured.
    """
    work = multiprocessing.get_context("spawn").Process(
        target=_write_market, args=(folder, n_rows, rows_of_era, n_validation_eras)
    )
    work.start()
    work.join()
    if work.exitcode:
        sys.exit(f"writing the market ended with {work.exitcode}")


def whole_splits(shards: Path) -> "Fold":
    """Return the fold that learns from the split train and is chosen on all of valid.

    The other ways of a benchmark do the same.
    """
    from numerai_pipeline.data import Fold, ShardReader

    reader = ShardReader(shards)
    return Fold(reader.eras("train"), reader.eras("valid"))


def _write_market(
    folder: Path, n_rows: int, rows_of_era: int, n_validation_eras: int
) -> None:
    from numerai_pipeline.core import write_json
    from numerai_simulator import Market, preset

    spec = preset(
        "full",
        n_train_eras=max(2, n_rows // rows_of_era),
        n_validation_eras=n_validation_eras,
        min_rows=rows_of_era,
        max_rows=rows_of_era,
    )
    market = Market(spec)
    market.write(folder, ("v5.3",))
    write_json(folder / "v5.3" / "features.json", market.catalog("v5.3"))


def measured(script: str, way: str, folder: Path) -> Measured:
    """Run a way of a benchmark as a process and wait for its end.

    Args:
        script: the benchmark's ``__file__``; it is called with ``--way`` and
            ``--folder`` and prints ``{"rows": ..., "seconds": ...}`` as its last line.
        way: name of the way.
        folder: where the data lie.
    """
    command = [sys.executable, script, "--way", way, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        own = _OwnMemory(process.pid)
        own.start()
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        own.join()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{way} ended with {process.returncode}")
    found = json.loads(printed.splitlines()[-1])
    return Measured(
        found["rows"], found["seconds"], usage.ru_maxrss / 1024, own.peak_bytes / 2**20
    )


class _OwnMemory(threading.Thread):
    """Watches the memory that is a process's own until it ends; Linux tells it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self._status = Path(f"/proc/{pid}/status")

    def run(self) -> None:
        while True:
            try:
                found = self._status.read_text().partition("RssAnon:")[2]
            except OSError:
                return
            if not found:  # it has ended, and waits to be asked how
                return
            self.peak_bytes = max(self.peak_bytes, int(found.split()[0]) * 1024)
            time.sleep(_LOOK_SECONDS)
