"""Every error that the product raises on purpose, drawn once.

```
PipelineError
├── ConfigError         you: fix the config file or the command, then rerun
├── DataError           you: the data on disk is missing or broken
├── TournamentRefused   you: Numerai said no (key, model name, closed round)
└── TournamentBusy      nobody: retried until the deadline, try again later
```

Each says what is wrong, what was found and what to do. ``cli/main.py`` is the
only place where one becomes a sentence and an exit code.
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
