"""`nai predict`, `nai submit`, `nai status`."""

from typing import TYPE_CHECKING, Annotated

import typer

from numerai_pipeline.cli.commands_data import AsJson
from numerai_pipeline.cli.commands_model import Names
from numerai_pipeline.cli.shell import Shell, print_json, print_table, say, show

if TYPE_CHECKING:
    from numerai_pipeline.operations import Prediction, Status
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
    from numerai_pipeline import operations

    shell: Shell = context.obj
    predictions = operations.predict(shell.pipeline(), names, force=force)
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
            "--replace",
            help="Submit again although this round has a submission already.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Submit a file as it is, although it is not what the model's run "
            "predicted for this round; never a second time, for that is --replace.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Submit the open round's predictions, at most once, and read them back."""
    from numerai_pipeline import operations

    shell: Shell = context.obj
    receipts = operations.submit(
        shell.pipeline(), names or (), replace=replace, force=force
    )
    if as_json:
        print_json(receipts)
        return
    print_receipts(receipts)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the open round, what was submitted and what it scored."""
    from numerai_pipeline import operations

    shell: Shell = context.obj
    found = operations.status(shell.pipeline())
    if as_json:
        print_json(found)
    else:
        print_status(found)
    if found.problem is not None:
        raise found.problem


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
    """Print the ledger, the open round, and each model's latest scores."""
    print_table(
        "Ledger",
        ["round", "model", "state", "submission", "at"],
        [
            (str(row.round_number), row.model, row.state, row.submission_id, row.at)
            for row in found.ledger
        ],
    )
    if found.round is not None:
        say(f"round {found.round.number} is open until {show(found.round.closes)}")
    elif found.problem is None:
        say("no round is open")
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
