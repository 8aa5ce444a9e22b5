"""numerai-pipeline: the Numerai tournament from download to scored submission.

``import numerai_pipeline as nai``: every command is a call, ``nai.train("mlp")``, in
the workspace of the current folder, or a method of ``nai.open("folder")``. It returns
a result with data frames and figures. Importing it costs nothing; a call imports what
it needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerai_pipeline.api import Project, call
    from numerai_pipeline.api import open_project as open

    init = call(Project.init)
    download = call(Project.download)
    etl = call(Project.etl)
    inspect = call(Project.inspect)
    zoo = call(Project.zoo)
    new = call(Project.new)
    train = call(Project.train)
    backtest = call(Project.backtest)
    ensemble = call(Project.ensemble)
    runs = call(Project.runs)
    best = call(Project.best)
    score = call(Project.score)
    compare = call(Project.compare)
    leak_check = call(Project.leak_check)
    report = call(Project.report)
    promote = call(Project.promote)
    refit = call(Project.refit)
    tensorboard = call(Project.tensorboard)
    predict = call(Project.predict)
    submit = call(Project.submit)
    status = call(Project.status)
    simulate = call(Project.simulate)
    demo = call(Project.demo)

__version__ = "0.2.0"

__all__ = [
    "Project",
    "__version__",
    "backtest",
    "best",
    "compare",
    "demo",
    "download",
    "ensemble",
    "etl",
    "init",
    "inspect",
    "leak_check",
    "new",
    "open",
    "predict",
    "promote",
    "refit",
    "report",
    "runs",
    "score",
    "simulate",
    "status",
    "submit",
    "tensorboard",
    "train",
    "zoo",
]


def __getattr__(name: str) -> Any:
    """Import a call when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from numerai_pipeline import api

    if name == "Project":
        return api.Project
    return api.open_project if name == "open" else api.call(getattr(api.Project, name))


def __dir__() -> list[str]:
    """Return the names, for completion in a notebook."""
    return sorted({*globals(), *__all__})
