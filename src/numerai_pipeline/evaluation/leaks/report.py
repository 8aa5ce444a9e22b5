"""What the leak checks of a run found, and what they did not test."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from numerai_pipeline.core import DataError, read_json, write_json

# Counts changes of the file, and of the checks, that make an older report worthless.
LAYOUT = 1

LEAKS_FILE = "leaks.json"

State = Literal["passed", "failed", "warning", "not tested"]

# From the best to the worst.
_STATES: tuple[State, ...] = ("passed", "not tested", "warning", "failed")

# A leak in all rows of all columns has thousands of findings; these are enough.
MOST_FINDINGS = 20


@dataclass(frozen=True)
class Finding:
    """A leak, or what looks like one.

    Attributes:
        says: a sentence.
        file: where it was found; empty if it is in no file.
        column: of that file; empty if it is in none, or in all.
        era: None if it is in no single era.
        value: what was measured; None if nothing was.
    """

    says: str
    file: str = ""
    column: str = ""
    era: int | None = None
    value: float | None = None


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes:
        name: of the check.
        state: failed and warning have findings; not tested has none.
        found: what was compared, in a few words.
        findings: at most ``MOST_FINDINGS``.
        untested: what the check left out, a sentence each.
        seconds: how long it took.
    """

    name: str
    state: State
    found: str
    findings: tuple[Finding, ...] = ()
    untested: tuple[str, ...] = ()
    seconds: float = 0.0

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "CheckResult":
        """Read what ``asdict`` returned.

        Raises:
            KeyError, TypeError: if it is something else.
        """
        findings = tuple(Finding(**each) for each in record["findings"])
        untested = tuple(map(str, record["untested"]))
        return cls(**{**record, "findings": findings, "untested": untested})


@dataclass(frozen=True)
class LeakReport:
    """All checks of a run; written into its folder as ``leaks.json``.

    Attributes:
        folder: the run folder.
        model: the model's name.
        is_full: whether everything was tested, instead of a part that takes a minute.
        shards_fingerprint: of the shards that it was tested with.
        fingerprint: changes when the report would.
        checks: in the order in which they were made.
    """

    folder: Path
    model: str
    is_full: bool
    shards_fingerprint: str
    fingerprint: str
    checks: tuple[CheckResult, ...]

    @property
    def state(self) -> State:
        """The worst state of all checks."""
        return max((check.state for check in self.checks), key=_STATES.index)

    @property
    def sentence(self) -> str:
        """The outcome in a sentence, as a badge shows it."""
        n_of = {
            state: sum(check.state == state for check in self.checks)
            for state in _STATES
        }
        counts = [f"{n_of[state]} {state}" for state in reversed(_STATES)]
        how = "full" if self.is_full else "fast"
        there = [text for text in counts if not text.startswith("0 ")]
        return f"{how} leak check: {', '.join(there)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, with its state, and where the run is."""
        return {"folder": str(self.folder), **self._record()}

    def write(self) -> None:
        """Write ``leaks.json``, whole."""
        write_json(self.folder / LEAKS_FILE, self._record())

    def _record(self) -> dict[str, Any]:
        return {
            "layout": LAYOUT,
            "run": self.folder.name,
            "model": self.model,
            "is_full": self.is_full,
            "state": self.state,
            "shards_fingerprint": self.shards_fingerprint,
            "fingerprint": self.fingerprint,
            "checks": [asdict(check) for check in self.checks],
        }


def read_leak_report(folder: Path) -> LeakReport | None:
    """Read what the last leak check of a run has found.

    Returns:
        None if there was none, or if the file cannot be read or is of another version.
        Whether it belongs to the present shards, ``shards_fingerprint`` says.
    """
    if not (folder / LEAKS_FILE).is_file():
        return None
    try:
        record = read_json(folder / LEAKS_FILE)
        if record["layout"] != LAYOUT or not record["checks"]:
            return None
        return LeakReport(
            folder=folder,
            model=str(record["model"]),
            is_full=bool(record["is_full"]),
            shards_fingerprint=str(record["shards_fingerprint"]),
            fingerprint=str(record["fingerprint"]),
            checks=tuple(map(CheckResult.from_dict, record["checks"])),
        )
    except (DataError, KeyError, TypeError, ValueError):
        return None
