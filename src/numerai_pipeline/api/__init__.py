"""Every command as a method of ``Project`` that returns a result.

Nothing heavy is imported here: a method imports what it needs when it is called.
"""

from numerai_pipeline.api.backtests import Backtested, fold_records
from numerai_pipeline.api.compared import Compared
from numerai_pipeline.api.demo import DemoResult
from numerai_pipeline.api.ensembles import Ensembled
from numerai_pipeline.api.entries import Entry, changes_text
from numerai_pipeline.api.history import History
from numerai_pipeline.api.leaks import LeakChecked
from numerai_pipeline.api.outcomes import Outcome, Outcomes
from numerai_pipeline.api.parameters import Cli
from numerai_pipeline.api.production import ProductionRun, Promoted
from numerai_pipeline.api.project import COMMANDS, Project, call, open_project
from numerai_pipeline.api.reporting import Reported
from numerai_pipeline.api.results import (
    Best,
    Description,
    Downloaded,
    FileList,
    Result,
    Shards,
    Step,
    Written,
    Zoo,
    plain,
)
from numerai_pipeline.api.rounds import Predicted, Status, Submitted
from numerai_pipeline.api.scored import Scored
from numerai_pipeline.api.simulation import Simulation
from numerai_pipeline.api.tensorboard import TensorBoardServer
from numerai_pipeline.api.trained import Trained, Training

__all__ = [
    "COMMANDS",
    "Backtested",
    "Best",
    "Cli",
    "Compared",
    "DemoResult",
    "Description",
    "Downloaded",
    "Ensembled",
    "Entry",
    "FileList",
    "History",
    "LeakChecked",
    "Outcome",
    "Outcomes",
    "Predicted",
    "ProductionRun",
    "Project",
    "Promoted",
    "Reported",
    "Result",
    "Scored",
    "Shards",
    "Simulation",
    "Status",
    "Step",
    "Submitted",
    "TensorBoardServer",
    "Trained",
    "Training",
    "Written",
    "Zoo",
    "call",
    "changes_text",
    "fold_records",
    "open_project",
    "plain",
]
