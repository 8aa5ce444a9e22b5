"""How many runs a model was chosen from, and how much of its score that explains."""

import math
from dataclasses import dataclass

import numpy as np

from numerai_pipeline.evaluation.result import Evaluation, last_corr_row
from numerai_pipeline.evaluation.rows import common_eras
from numerai_pipeline.scoring import deflated_sharpe, overfit_probability
from numerai_pipeline.training import DONE_FILE

# Halves of blocks that the probability of overfitting is counted over.
_N_BLOCKS = 16


@dataclass(frozen=True)
class Trials:
    """The finished runs, or backtests, of a model.

    Attributes:
        kind: ``run`` or ``backtest``.
        n: how many there are.
        n_scored: of these, how many were scored on the same kind of eras.
        n_eras: eras in which all of them have a CORR.
        deflated_sharpe: probability that the Sharpe ratio is more than that of the
            best of so many trials without skill; NaN for one trial or too few eras.
        overfit_probability: PBO; NaN for one trial or too few eras. Without any skill
            it is 0.5, with a spread of 0.2.
    """

    kind: str
    n: int
    n_scored: int
    n_eras: int
    deflated_sharpe: float
    overfit_probability: float

    @property
    def sentence(self) -> str:
        """How many there are to choose from, and what that does to a score.

        >>> Trials("run", 5, 5, 400, 0.91, 0.25).sentence
        'one of 5 runs, all scored; deflated Sharpe 0.91, overfitting (PBO) 0.25'
        >>> Trials("run", 5, 1, 40, math.nan, math.nan).sentence
        'one of 5 runs, 1 scored; the best of several is too good by luck'
        >>> Trials("run", 1, 1, 40, math.nan, math.nan).sentence
        'the only run'
        """
        if self.n < 2:
            return f"the only {self.kind}"
        scored = "all" if self.n_scored == self.n else f"{self.n_scored:,}"
        found = f"one of {self.n:,} {self.kind}s, {scored} scored; "
        if math.isnan(self.deflated_sharpe):
            return found + "the best of several is too good by luck"
        return found + (
            f"deflated Sharpe {self.deflated_sharpe:.2f}, overfitting (PBO) "
            f"{self.overfit_probability:.2f}"
        )


def trials_of(evaluation: Evaluation) -> Trials:
    """Return what is known of the runs that stand beside an evaluated one.

    Args:
        evaluation: of a run or backtest; the others were scored by the same command.
    """
    folders = [done.parent for done in evaluation.folder.parent.glob(f"*/{DONE_FILE}")]
    own = evaluation.rows[0]
    found = [
        row
        for folder in folders
        if folder != evaluation.folder
        and (row := last_corr_row(folder, evaluation.on)) is not None
        and row.horizon == own.horizon
    ]
    scores = common_eras([own, *found])
    values = np.column_stack([one.values for one in scores])
    n_eras = len(values)
    deflated = overfit = math.nan
    if found and n_eras >= 2 * _N_BLOCKS:
        sharpes = np.array([one.summary(horizon=own.horizon).sharpe for one in scores])
        horizon = scores[0].horizon_in_scores(own.horizon)
        deflated = deflated_sharpe(values[:, 0], sharpes, horizon=horizon)
        overfit = overfit_probability(values, _N_BLOCKS)
    kind = "backtest" if evaluation.on == "backtest" else "run"
    return Trials(kind, len(folders), 1 + len(found), n_eras, deflated, overfit)
