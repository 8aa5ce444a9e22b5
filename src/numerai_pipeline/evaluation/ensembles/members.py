"""The runs that an ensemble was made with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numerai_pipeline.core import DataError, PipelineError
from numerai_pipeline.training import Member, Run


def open_member(ensemble: Run, member: Member, *, is_live: bool) -> Run:
    """Open the run of a member.

    Args:
        ensemble: its run.
        member: one of its members.
        is_live: whether for live data; otherwise the run that has test eras.

    Raises:
        DataError: if the run is gone, or is another one than the ensemble was made
            with.
    """
    name, known = member.run, member.checksum
    if not is_live:
        name, known = member.tested_run, member.tested_checksum
    models: Path = ensemble.folder.parents[2]
    folder = models / member.model / "runs" / name
    if not folder.is_dir():
        raise DataError(f"its run {folder} does not exist any more.")
    run = Run.open(folder)
    if run.checksum != known:
        raise DataError(
            f"its run {folder} was made again since, and is not the one that the "
            "ensemble was made with."
        )
    return run


def check_members(ensemble: Run) -> None:
    """Check that the runs of all members are there, unchanged.

    Raises:
        DataError: if one is not; the member is named.
    """
    for member in ensemble.members:
        with named(ensemble, member):
            for is_live in (True, False):
                open_member(ensemble, member, is_live=is_live).best()


@contextmanager
def named(ensemble: Run, member: Member) -> Iterator[None]:
    """Name the member and the remedy in errors of the block.

    Raises:
        DataError: if the block raises any ``PipelineError``.
    """
    try:
        yield
    except PipelineError as error:
        raise DataError(
            f"the ensemble '{ensemble.name}' ({ensemble.folder.name}) cannot predict "
            f"without its member '{member.model}': {error} To make the ensemble of "
            f"the members' present production runs: `nai train {ensemble.name}`, then "
            f"`nai promote {ensemble.name}`."
        ) from error
