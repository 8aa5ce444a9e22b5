"""A member of an ensemble: the run of another model that the ensemble was made with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Member:
    """A model whose run is pinned: a later one does not change the ensemble.

    A refit learned from every era, so that none is left to score it on: live data is
    predicted by it, all other eras by the run that it is a refit of.

    Attributes:
        model: the member's name.
        run: name of its run that predicts live data.
        checksum: ``Run.checksum`` of that run.
        tested_run: name of its run that predicts all other eras; the same one, unless
            that is a refit.
        tested_checksum: ``Run.checksum`` of that run.
        targets: what it learned.
    """

    model: str
    run: str
    checksum: str
    tested_run: str
    tested_checksum: str
    targets: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it for ``config.toml``."""
        return {**asdict(self), "targets": list(self.targets)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "Member":
        """Read what ``to_dict`` returned.

        Raises:
            KeyError, TypeError: if it is something else.
        """
        return cls(
            model=str(record["model"]),
            run=str(record["run"]),
            checksum=str(record["checksum"]),
            tested_run=str(record["tested_run"]),
            tested_checksum=str(record["tested_checksum"]),
            targets=tuple(map(str, record["targets"])),
        )
