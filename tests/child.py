"""A program in a Python process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

HERE = Path(__file__).parent


def run_python(
    program: str, *arguments: object, check: bool = True, **environ: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program, which may import what stands beside this file.

    Args:
        program: its text; may be indented.
        arguments: words for ``sys.argv[1:]``.
        check: raise if it fails; stderr is shown then.
        environ: further variables of its environment.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HERE), **environ},
    )
    if check and done.returncode:
        raise AssertionError(f"exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done
