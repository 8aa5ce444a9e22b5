"""numerai-pipeline: the Numerai tournament from download to scored submission.

``import numerai_pipeline as nai``: every command is a call, ``nai.train("mlp")``, that
returns data frames and figures. Importing it costs nothing; a call imports what it
needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerai_pipeline.python import (
        best,
        demo,
        download,
        etl,
        init,
        inspect,
        new,
        predict,
        score,
        simulate,
        status,
        submit,
        tensorboard,
        train,
        zoo,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "best",
    "demo",
    "download",
    "etl",
    "init",
    "inspect",
    "new",
    "predict",
    "score",
    "simulate",
    "status",
    "submit",
    "tensorboard",
    "train",
    "zoo",
]


def __getattr__(name: str) -> Any:
    """Import a call when it is asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from numerai_pipeline import python

    return getattr(python, name)


def __dir__() -> list[str]:
    """Name what is there, for completion in a notebook."""
    return sorted({*globals(), *__all__})
