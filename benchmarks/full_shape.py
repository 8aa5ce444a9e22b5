"""The main job at the full width of v5.3, each step as a process of its own.

Prints wall time and peak memory of each. Run it as:

    python benchmarks/full_shape.py [--train-eras 3] [--validation-eras 5]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAI = [sys.executable, "-m", "numerai_pipeline"]
MODELS = ("mlp", "lightgbm")


def measure(title: str, *words: str) -> None:
    """Run a command to its end and print what it took."""
    started = time.perf_counter()
    process = subprocess.Popen([*NAI, "--quiet", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    report(title, time.perf_counter() - started, usage.ru_maxrss)


def report(title: str, seconds: float, peak_kib: int) -> None:
    """Print a line of the table."""
    print(f"| {title} | {seconds:,.1f} s | {peak_kib / 1024:,.0f} MB |", flush=True)


def main() -> None:
    """Write a market, and run the main job on it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-eras", type=int, default=3)
    parser.add_argument("--validation-eras", type=int, default=5)
    options = parser.parse_args()
    print("| step | time | peak memory |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["NUMERAI_WORKSPACE"] = folder
        market = [
            f"--train-eras={options.train_eras}",
            f"--validation-eras={options.validation_eras}",
        ]
        simulate = [*NAI, "--quiet", "simulate", "--size=full", "--port=0", *market]
        started = time.perf_counter()
        with subprocess.Popen(
            [*simulate, f"--folder={root / 'simulator'}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            lines = iter(server.stdout.readline, "")
            url = next(line.split("=")[1] for line in lines if "API_URL" in line)
            seconds = time.perf_counter() - started
            status = Path(f"/proc/{server.pid}/status").read_text()
            peak_kib = int(status.split("VmHWM:")[1].split()[0])
            report("write the market (v5.3 and v5.0)", seconds, peak_kib)
            os.environ["NUMERAI_API_URL"] = url.strip()
            (root / "numerai.toml").write_text("[tournament]\nsimulated = true\n")
            measure("download", "download")
            # Of five validation eras four are not resolved yet, and eight eras are
            # fewer than an honest purge drops.
            measure("etl", "etl", "--purge", "0")
            for model in MODELS:
                measure(f"new {model}", "new", model)
                measure(f"train {model}", "train", model)
                measure(f"score {model}", "score", model)
                measure(f"predict {model}", "predict", model)
            server.terminate()


if __name__ == "__main__":
    main()
