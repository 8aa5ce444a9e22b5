"""The weights of an ensemble's members, as its run keeps them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, read_json, retrain
from numerai_pipeline.scoring import Weighting, WeightStep, blend, step_of


@dataclass(frozen=True)
class EnsembleWeights:
    """Which weights hold for which eras, and what they were learned from.

    The last step holds for live data.

    Attributes:
        kind: how they are found.
        members: the models, in the order of the weights.
        steps: ascending; each was learned from eras more than a purge before it.
        learned_from: what the predictions were of: ``backtest``, ``test``, or empty
            where nothing was learned.
        eras: their eras, such as ``157-1000``.
    """

    kind: Weighting
    members: tuple[str, ...]
    steps: tuple[WeightStep, ...]
    learned_from: str = ""
    eras: str = ""

    @classmethod
    def equal(cls, members: Sequence[str]) -> "EnsembleWeights":
        """Return the same weight for each member and era."""
        share = 1 / len(members)
        step = WeightStep(0, (share,) * len(members), 0)
        return cls("equal", tuple(members), (step,))

    @classmethod
    def read(cls, path: Path) -> "EnsembleWeights":
        """Read what ``to_dict`` returned.

        Raises:
            DataError: if the file is broken.
        """
        record = read_json(path, remedy=retrain(path))
        try:
            steps = tuple(
                WeightStep(
                    int(step["start"]),
                    tuple(map(float, step["weights"])),
                    int(step["n_eras"]),
                )
                for step in record["steps"]
            )
            members = tuple(map(str, record["members"]))
            found = cls(
                kind=record["kind"],
                members=members,
                steps=steps,
                learned_from=str(record["learned_from"]),
                eras=str(record["eras"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is broken ({error!r}). {retrain(path)}") from error
        n_members = len(found.members)
        if not steps or any(len(step.weights) != n_members for step in steps):
            raise DataError(
                f"{path} lacks a weight for each of {n_members} members. "
                f"{retrain(path)}"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)

    @property
    def live(self) -> tuple[float, ...]:
        """The weights that predict live data, ``(k,)``, sum 1."""
        return self.steps[-1].weights

    def blend(
        self,
        predictions: npt.NDArray[np.floating[Any]],
        eras: npt.NDArray[np.int16],
    ) -> npt.NDArray[np.float64]:
        """Blend the members' predictions, each era by the weights that hold for it.

        Args:
            predictions: ``(rows, k)`` float, finite; a column per member.
            eras: ``(rows,)``.

        Returns:
            ``(rows,)`` float64.
        """
        blended = np.empty(len(eras))
        of_era = {int(era): step_of(self.steps, int(era)) for era in np.unique(eras)}
        for step in dict.fromkeys(of_era.values()):
            held = [era for era, one in of_era.items() if one == step]
            rows = np.isin(eras, held)
            weights = np.array(step.weights)
            blended[rows] = blend(predictions[rows], eras[rows], weights)
        return blended

    def blend_live(
        self,
        predictions: npt.NDArray[np.floating[Any]],
        eras: npt.NDArray[np.int16],
        is_there: Sequence[bool],
    ) -> npt.NDArray[np.float64]:
        """Blend predictions of live data; a missing member leaves its weight to others.

        Args:
            predictions: ``(rows, n_there)`` float, finite.
            eras: ``(rows,)``.
            is_there: ``(k,)``: which members have a column.
        """
        weights = np.array(self.live)[list(is_there)]
        return blend(predictions, eras, weights / weights.sum())
