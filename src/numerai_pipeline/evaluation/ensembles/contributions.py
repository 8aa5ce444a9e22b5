"""What each member adds to an ensemble, by leaving it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from numerai_pipeline.evaluation.ensembles.blended import Blends
from numerai_pipeline.scoring import Difference, WeightStep, difference


@dataclass(frozen=True)
class Contribution:
    """What one member adds.

    Attributes:
        name: of the member.
        differences: by metric (``CORR``, and with a meta model ``MMC`` and
            ``payout``): the ensemble with all members minus the one without it.
    """

    name: str
    differences: Mapping[str, Difference]


def contributions(
    blends: Blends, steps: Sequence[WeightStep], *, horizon: int
) -> tuple[Contribution, ...]:
    """Leave out each member in turn; the others keep the ratios of their weights.

    Args:
        blends: of the members.
        steps: the weights, ascending; eras before the first one are not scored.
        horizon: era numbers that the target looks ahead: 4 for 20 days, 12 for 60.

    Returns:
        One per member, in their order.
    """
    full = blends.scores(steps)
    found = []
    for place, name in enumerate(blends.rows.names):
        left = blends.scores([_without(place, step) for step in steps])
        differences = {
            metric: difference(scores, left[metric], horizon=horizon)
            for metric, scores in full.items()
        }
        found.append(Contribution(name, differences))
    return tuple(found)


def _without(member: int, step: WeightStep) -> WeightStep:
    """Return the weights without a member; equal where it had all the weight.

    >>> _without(1, WeightStep(157, (0.3, 0.5, 0.2), 148)).weights
    (0.6, 0.0, 0.4)
    >>> _without(0, WeightStep(157, (1.0, 0.0, 0.0), 148)).weights
    (0.0, 0.5, 0.5)
    """
    weights = np.array(step.weights)
    weights[member] = 0
    if not weights.any():
        weights = np.ones(len(weights))
        weights[member] = 0
    return WeightStep(
        step.start, tuple((weights / weights.sum()).tolist()), step.n_eras
    )
