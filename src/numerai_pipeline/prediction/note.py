"""The note beside a predictions file: the run that made it and the live data.

The note of ``predictions_NAME.csv`` is ``predictions_NAME.json``. Predictions that were
shuffled, or made by an older run or for another round, look like valid ones; the note
identifies them.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_pipeline.core import DataError, read_json, sha256_of, write_json
from numerai_pipeline.evaluation import LIVE_BENCHMARKS
from numerai_pipeline.prediction.live import (
    earlier_live,
    write_predictions,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Origin:
    """The run and the live data that predictions were made from.

    Attributes:
        run: name of the run's folder.
        live_sha256: of the live data, hex.
        benchmarks_sha256: of the benchmarks' live predictions, hex; empty: the run
            needs none.
    """

    run: str
    live_sha256: str
    benchmarks_sha256: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return what is not empty."""
        return {key: value for key, value in asdict(self).items() if value}


def write_noted(
    frame: "pd.DataFrame", predictions: Path, origin: Origin, *, is_whole: bool = True
) -> None:
    """Write predictions and their note; neither is valid without the other.

    Args:
        frame: columns ``id`` and ``prediction``.
        predictions: the file.
        origin: the run and the live data.
        is_whole: whether no member of an ensemble was missing. Otherwise the file can
            be submitted, but is made again as soon as it is asked for.
    """
    _note(predictions).unlink(missing_ok=True)
    write_predictions(frame, predictions)
    note = {
        "origin": origin.to_dict(),
        "rows": len(frame),
        "is_whole": is_whole,
        "sha256": sha256_of(predictions),
    }
    write_json(_note(predictions), note)


def noted_rows(predictions: Path, origin: Origin) -> int | None:
    """Return the number of rows of predictions, None if they are to be made again.

    So they are if their origin is another one, or if a member was missing.

    Args:
        predictions: the file, with its note beside it.
        origin: the run and the live data that they should come from.
    """
    if not predictions.is_file() or not _note(predictions).is_file():
        return None
    note = _read(predictions)
    rows = note.get("rows")
    is_it = note.get("origin") == origin.to_dict() and (
        note.get("sha256") == sha256_of(predictions)
    )
    is_whole = note.get("is_whole", True)
    return rows if is_it and is_whole and isinstance(rows, int) else None


def noted_run(predictions: Path) -> str:
    """Return the name of the run that made predictions; empty if unknown."""
    if not predictions.is_file() or not _note(predictions).is_file():
        return ""
    try:
        note = _read(predictions)
    except DataError:
        return ""
    origin = note.get("origin")
    is_it = isinstance(origin, dict) and note.get("sha256") == sha256_of(predictions)
    return str(origin["run"]) if is_it and isinstance(origin, dict) else ""


def check_origin(predictions: Path, *, run: str, live: Path) -> None:
    """Check that a run made these predictions from this live data.

    Args:
        predictions: the file, with its note beside it.
        run: name of the folder of the production run.
        live: live data of the round.

    Raises:
        DataError: if it did not, with the reason; or if the live data is that of an
            earlier round.
    """
    reason = _difference(predictions, run, live)
    if reason is not None:
        raise DataError(
            f"{predictions}: {reason}. Run `nai predict` again, or pass --force to "
            "submit the file as it is."
        )


def _difference(predictions: Path, run: str, live: Path) -> str | None:
    earlier = earlier_live(live)
    if earlier is not None:
        return f"{live} holds the live data of round {earlier.parent.name}"
    if not _note(predictions).is_file():
        return (
            f"the note {_note(predictions).name} that `nai predict` writes beside it "
            "is missing"
        )
    note = _read(predictions)
    if note.get("sha256") != sha256_of(predictions):
        return "the file is not the one that `nai predict` wrote"
    origin = note.get("origin")
    origin = origin if isinstance(origin, dict) else {}
    if origin.get("live_sha256") != sha256_of(live):
        return f"it was made from other live data than {live} holds now"
    benchmarks = live.with_name(LIVE_BENCHMARKS)
    known = origin.get("benchmarks_sha256")
    if known and not (benchmarks.is_file() and sha256_of(benchmarks) == known):
        return f"it was made from other benchmark predictions than {benchmarks} holds"
    if origin.get("run") != run:
        return f"it was made by the run {origin.get('run')!r}, but {run!r} is used now"
    return None


def _note(predictions: Path) -> Path:
    return predictions.with_suffix(".json")


def _read(predictions: Path) -> dict[str, Any]:
    note = read_json(_note(predictions), remedy="Run `nai predict --force`.")
    return note if isinstance(note, dict) else {}
