"""`nai predict`, `nai submit`, `nai status`."""

from typing import TYPE_CHECKING, Annotated

import typer

from numerai_pipeline.cli.commands_data import AsJson
from numerai_pipeline.cli.commands_model import Names
from numerai_pipeline.cli.shell import Shell, print_json, print_table, say, show

if TYPE_CHECKING:
    from numerai_pipeline.api import Prediction, Status
    from numerai_pipeline.submission import Receipt
    from numerai_pipeline.tournament import RoundScore


def predict(
    context: typer.Context,
    names: Names,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch and predict again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict the open round's live data: checked, ranked into (0, 1)."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    predictions = api.predict(shell.pipeline(), names, force=force)
    if as_json:
        print_json(predictions)
        return
    print_predictions(predictions)


def submit(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Models to submit; by default all of numerai.toml."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Submit again when other predictions were submitted."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Submit the open round's predictions, at most once, and read them back."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    receipts = api.submit(shell.pipeline(), names or (), replace=replace)
    if as_json:
        print_json(receipts)
        return
    print_receipts(receipts)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the open round, what was submitted and what it scored."""
    from numerai_pipeline import api

    shell: Shell = context.obj
    found = api.status(shell.pipeline())
    if as_json:
        print_json(found)
        return
    print_status(found)


def print_predictions(predictions: "list[Prediction]") -> None:
    """Print where the predictions are."""
    print_table(
        "Predicted",
        ["model", "round", "rows", "file", "state"],
        [
            (
                p.name,
                str(p.round_number),
                p.n_rows,
                p.path,
                "was current" if p.was_current else "new",
            )
            for p in predictions
        ],
    )


def print_receipts(receipts: "list[Receipt]") -> None:
    """Print what was submitted."""
    print_table(
        "Submitted",
        ["model", "at Numerai", "round", "submission", "state"],
        [
            (
                r.name,
                r.numerai_name,
                str(r.round_number),
                r.submission_id,
                "was submitted" if r.was_already_submitted else "accepted",
            )
            for r in receipts
        ],
    )


def print_status(found: "Status") -> None:
    """Print the open round, the ledger, and each model's latest scores."""
    if found.round is None:
        say("no round is open")
    else:
        say(f"round {found.round.number} is open until {show(found.round.closes)}")
    print_table(
        "Ledger",
        ["round", "model", "state", "submission", "at"],
        [
            (str(row.round_number), row.model, row.state, row.submission_id, row.at)
            for row in found.ledger
        ],
    )
    rows = []
    for name, scores in found.scores.items():
        latest = {(s.round_number, s.name): s for s in sorted(scores, key=_by_day)}
        rows += [
            (
                str(s.round_number),
                name,
                s.name,
                s.value,
                "–" if s.percentile is None else f"{s.percentile:.0%}",
                f"{s.day} of 20",
            )
            for s in latest.values()
        ]
    if rows:
        print_table(
            "Scores (percentile among all models; canon_corr is CORR, and so on)",
            ["round", "model", "score", "value", "percentile", "day"],
            rows,
        )


def _by_day(score: "RoundScore") -> int:
    return score.day


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: nai predict mlp lightgbm")(predict)
    app.command(epilog="Example: nai submit mlp")(submit)
    app.command(epilog="Example: nai status --json")(status)
