"""The runs of a model: the latest one, and the one that predicts live data."""

import os
from pathlib import Path

from numerai_pipeline.core import DataError, write_text
from numerai_pipeline.training.run import CONFIG_FILE, DONE_FILE, Run, requested_at

PRODUCTION_FILE = "PRODUCTION"


def production_run(runs_dir: Path) -> Run:
    """Return the run that predicts live data: the one that ``PRODUCTION`` names.

    A model of version 0.1.0 has no such file; its latest run predicts.

    Raises:
        DataError: if there is none, or the run that is named is missing or not
            finished.
    """
    path = production_path(runs_dir)
    if not os.path.lexists(path):
        return latest_run(runs_dir)
    remedy = f"Choose another: `nai promote {runs_dir.parent.name}`."
    try:
        name = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}). {remedy}") from error
    # Compared with the folders, so that no name leads out of them.
    if name not in {done.parent.name for done in runs_dir.glob(f"*/{DONE_FILE}")}:
        raise DataError(
            f"{path} names the run {name[:64]!r}, which {runs_dir} does not hold or "
            f"which is not finished. {remedy}"
        )
    return Run.open(runs_dir / name)


def set_production(run: Run) -> None:
    """Let a run predict live data from now on."""
    write_text(production_path(run.folder.parent), run.folder.name + "\n")


def keep_production(run: Run) -> None:
    """Record which run is in production, now that another one is finished.

    The first finished run is; a later one never becomes it by itself.
    """
    if os.path.lexists(production_path(run.folder.parent)):
        return
    others = [
        other for other in _newest_first(run.folder.parent) if other != run.folder
    ]
    set_production(Run.open(others[0]) if others else run)


def production_path(runs_dir: Path) -> Path:
    """Return the file that names a model's production run."""
    return runs_dir.parent / PRODUCTION_FILE


def latest_run(runs_dir: Path, *, is_tested: bool = False) -> Run:
    """Return the finished run that was trained, or asked for again, last.

    Args:
        runs_dir: the folder of a model's runs.
        is_tested: leave out refits, which learned from every era.

    Raises:
        DataError: if no run is finished.
    """
    name = runs_dir.parent.name
    runs = (Run.open(folder) for folder in _newest_first(runs_dir))
    found = next((run for run in runs if not (is_tested and run.refit_of)), None)
    if found is not None:
        return found
    if any(runs_dir.glob(f"*/{CONFIG_FILE}")):
        raise DataError(
            f"no run in {runs_dir} is finished. Run `nai train {name}` to resume the "
            "one that was started."
        )
    raise DataError(f"'{name}' has no run in {runs_dir}. Run `nai train {name}` first.")


def _newest_first(runs_dir: Path) -> list[Path]:
    """Return the folders of the finished runs, the last one requested first."""
    finished = [done.parent for done in runs_dir.glob(f"*/{DONE_FILE}")]
    return sorted(finished, key=lambda run: (requested_at(run), run.name), reverse=True)
