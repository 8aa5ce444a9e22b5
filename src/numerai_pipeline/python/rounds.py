"""`predict`, `submit`, `status` as calls."""

import pandas as pd

from numerai_pipeline import operations
from numerai_pipeline.core import columns
from numerai_pipeline.python.opening import Folder, Names, frame_of, names_of
from numerai_pipeline.python.opening import open_workspace as _open
from numerai_pipeline.python.results import Standing


def predict(
    names: Names, *, force: bool = False, workspace: Folder = "."
) -> pd.DataFrame:
    """Predict the open round's live data: checked, ranked into (0, 1).

    Args:
        names: a model of the workspace, or several.
        force: fetch and predict again.
        workspace: its folder.

    Returns:
        A row of the live data each, by ``id``, and a column a model; the round's
        number and the files are in ``frame.attrs``.

    Raises:
        TournamentRefused: if no round is open.
    """
    predictions = operations.predict(_open(workspace), names_of(names), force=force)
    series = {
        made.name: pd.read_csv(made.path, index_col=columns.ID)[columns.PREDICTION]
        for made in predictions
    }
    frame = pd.DataFrame(series)
    frame.attrs = {
        "round": predictions[0].round_number,
        "files": {made.name: str(made.path) for made in predictions},
    }
    return frame


def submit(
    names: Names = (),
    *,
    replace: bool = False,
    force: bool = False,
    workspace: Folder = ".",
) -> pd.DataFrame:
    """Submit the open round's predictions, at most once, and read them back.

    Args:
        names: models to submit; by default all of ``numerai.toml``.
        replace: submit again although the round has a submission already.
        force: submit the files as they are, although they are not what the models'
            runs predicted for the round's live data.
        workspace: its folder.

    Returns:
        The receipts, by the model's ``name``.

    Raises:
        ConfigError: if a model has no name at Numerai.
        DataError: if nothing was predicted for the round.
        TournamentRefused: if no round is open.
    """
    receipts = operations.submit(
        _open(workspace), names_of(names), replace=replace, force=force
    )
    return frame_of(receipts, "name")


def status(*, workspace: Folder = ".") -> Standing:
    """Return the open round, what was submitted and what it scored."""
    return Standing.of(operations.status(_open(workspace)))
