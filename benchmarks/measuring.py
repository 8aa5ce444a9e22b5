"""What the benchmarks share: data at full width, and ways as processes of their own."""

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROWS_OF_ERA = 5_000


@dataclass(frozen=True)
class Measured:
    """What one run of a way took; imports are not timed, but are in the memory."""

    rows: int
    seconds: float
    peak_mb: float

    @property
    def rows_per_second(self) -> float:
        """Return the speed."""
        return self.rows / self.seconds


def write_market(folder: Path, n_rows: int) -> None:
    """Write the simulated market's ``v5.3`` with about ``n_rows`` training rows.

    2,748 features, 41 targets, 12 validation eras. A process of its own does it:
    Linux counts the peak memory of the parent as the child's, and this process is
    the parent of all that is measured.
    """
    work = multiprocessing.get_context("spawn").Process(
        target=_write_market, args=(folder, n_rows)
    )
    work.start()
    work.join()
    if work.exitcode:
        sys.exit(f"writing the market ended with {work.exitcode}")


def _write_market(folder: Path, n_rows: int) -> None:
    from numerai_pipeline.core import write_json
    from numerai_pipeline.simulator import Market, preset

    spec = preset(
        "full",
        n_train_eras=max(2, n_rows // ROWS_OF_ERA),
        n_validation_eras=12,
        min_rows=ROWS_OF_ERA,
        max_rows=ROWS_OF_ERA,
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
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{way} ended with {process.returncode}")
    found = json.loads(printed.splitlines()[-1])
    return Measured(found["rows"], found["seconds"], usage.ru_maxrss / 1024)
