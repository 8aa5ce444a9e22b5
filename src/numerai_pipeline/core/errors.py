"""Every error that the product raises on purpose, drawn once.

```
PipelineError
├── ConfigError         you: fix the config file or the command, then rerun
├── DataError           you: the data on disk is missing or broken
├── TournamentRefused   you: Numerai said no (key, model name, closed round)
└── TournamentBusy      nobody: retried until the deadline, try again later
```

Each says what is wrong, what was found and what to do; ``explain`` makes an exit code
and a sentence of any exception.
"""

from typing import ClassVar

# What a shell sees for an exception that nobody foresaw (EX_SOFTWARE).
EXIT_BUG = 70


class PipelineError(Exception):
    """Root of the tree; carries the exit code of the process."""

    exit_code: ClassVar[int] = EXIT_BUG


class ConfigError(PipelineError):
    """A config file or a command line that cannot be followed."""

    exit_code = 2


class DataError(PipelineError):
    """Data on disk that is missing, broken or not what was asked for."""

    exit_code = 3


class TournamentRefused(PipelineError):
    """The tournament answered no: repeating the call will not help."""

    exit_code = 4


class TournamentBusy(PipelineError):
    """The tournament could not be reached before the deadline."""

    exit_code = 5


def explain(error: Exception) -> tuple[int, str]:
    """Return the exit code of an error, and a sentence for people.

    >>> explain(DataError("train.parquet is missing. Run `nai download`."))
    (3, 'train.parquet is missing. Run `nai download`.')
    """
    if isinstance(error, PipelineError):
        return error.exit_code, str(error)
    if isinstance(error, OSError):
        # A full disk, a folder without permission, a file where a folder should be.
        return DataError.exit_code, (
            f"{error.filename or 'the operating system'}: {error.strerror or error}. "
            "Correct the path, its permissions or the space on the disk, then rerun; "
            "what was finished is kept."
        )
    return EXIT_BUG, (
        f"this is a bug in numerai-pipeline ({type(error).__name__}). Please "
        "report it with the lines above and the command you ran."
    )
