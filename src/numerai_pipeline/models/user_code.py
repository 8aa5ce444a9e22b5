"""Runs a user's own code so that whatever it does becomes a sentence about it."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from types import FrameType

from numerai_pipeline.core import ConfigError, PipelineError

_STDOUT, _STDERR = 1, 2


@contextmanager
def running(
    what: str, file: str = "", *, own: list[BaseException] | None = None
) -> Iterator[None]:
    """Run a user's code; what it prints goes to stderr, for JSON has stdout.

    A process that the code forks off and that comes out of it is ended: two would
    write the same run.

    Args:
        what: what runs, the beginning of an error.
        file: the user's file, whose line an error names.
        own: errors that this program raised within the code. They pass even if the
            code has caught them, and so does Ctrl-C.

    Raises:
        ConfigError: if the code raises anything, ``SystemExit`` included.
    """
    process, passing = os.getpid(), [] if own is None else own
    try:
        with _printing_to_stderr(), _interrupts(passing):
            yield
    except BaseException as error:
        if isinstance(error, PipelineError | KeyboardInterrupt) or any(
            error is one for one in passing
        ):
            raise
        raise ConfigError(f"{what} {_raised(error, file)}") from error
    finally:
        end_if_forked(process, what)
    if passing:
        raise passing[0]


def end_if_forked(process: int, what: str) -> None:
    """End this process if it was forked off by a user's code.

    Args:
        process: the one that began.
        what: what forked.
    """
    if os.getpid() != process:
        text = f"{what} forked; the process {os.getpid()} that it started was ended.\n"
        os.write(_STDERR, text.encode())
        os._exit(1)


def line_of(error: BaseException, file: str) -> str:
    """Return the line of a user's file that raised an error, as ``(line 3)``."""
    if isinstance(error, SyntaxError):
        return ""  # its message has the line
    numbers = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            numbers.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" (line {numbers[-1]})" if numbers else ""


def _raised(error: BaseException, file: str) -> str:
    place = f"{line_of(error, file)} of {file}" if line_of(error, file) else ""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r}){place}. Raise an error instead."
    text = str(error).strip().rstrip(".") or "no reason given"
    remedy = "Fix it, then train again." if file else "Correct model.toml."
    return f"raised {type(error).__name__}: {text}{place}. {remedy}"


@contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Send to stderr what Python and what C libraries print."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    try:
        kept = os.dup(_STDOUT)
    except OSError:  # it is closed
        kept = -1
    try:
        if kept >= 0:
            os.dup2(_STDERR, _STDOUT)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if kept >= 0:
            os.dup2(kept, _STDOUT)
            os.close(kept)


@contextmanager
def _interrupts(passing: list[BaseException]) -> Iterator[None]:
    """Remember Ctrl-C, which code may catch."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        passing.append(KeyboardInterrupt())
        raise passing[-1]

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
