"""Prints what came of a round: predictions, submissions, the ledger and scores."""

from numerai_pipeline.api import Predicted, Status, Submitted
from numerai_pipeline.cli.tables import echo, failed_row, print_table


def print_predicted(result: Predicted) -> None:
    """Print where the predictions of each model are, and which run made them."""
    print_table(
        "Predicted",
        ["model", "round", "rows", "file", "state"],
        [
            failed_row(one, 5)
            if one.error
            else (
                one.name,
                str(one.get().round_number),
                one.get().n_rows,
                one.get().path,
                "was current" if one.get().was_current else "new",
            )
            for one in result.outcomes
        ],
    )
    for prediction in result.results.values():
        echo(f"{prediction.name}: run {prediction.run}")
        if prediction.note:
            echo(f"{prediction.name}: {prediction.note}")
        for reason in prediction.left_out:
            echo(f"{prediction.name}: predicts {reason}")


def print_submitted(result: Submitted) -> None:
    """Print the submission of each model, and the run that predicted."""
    print_table(
        "Submitted",
        ["model", "at Numerai", "round", "submission", "state"],
        [
            failed_row(one, 5)
            if one.error
            else (
                one.name,
                one.get().receipt.numerai_name,
                str(one.get().receipt.round_number),
                one.get().receipt.submission_id,
                "was submitted"
                if one.get().receipt.was_already_submitted
                else "accepted",
            )
            for one in result.outcomes
        ],
    )
    for submission in result.results.values():
        run = submission.run or "unknown: no run of this workspace predicted the file"
        echo(f"{submission.receipt.name}: run {run}")


def print_status(result: Status) -> None:
    """Print the ledger, the open round, and the newest scores."""
    print_table(
        "Ledger",
        ["round", "model", "state", "submission", "at"],
        [
            (str(row.round_number), row.model, row.state, row.submission_id, row.at)
            for row in result.rows
        ],
    )
    for name, run in result.production.items():
        echo(f"in production now: {name} run {run}")
    if result.problem is None:
        echo(result.sentence)
    rows = []
    for name, scores in result.scores_of.items():
        by_day = sorted(scores, key=lambda score: score.day)
        latest = {(score.round_number, score.name): score for score in by_day}
        rows += [
            (
                str(score.round_number),
                name,
                score.name,
                score.value,
                "–" if score.percentile is None else f"{score.percentile:.0%}",
                f"{score.day} of 20",
            )
            for score in latest.values()
        ]
    if rows:
        print_table(
            "Scores (percentile among all models; canon_corr is CORR, and so on)",
            ["round", "model", "score", "value", "percentile", "day"],
            rows,
        )
