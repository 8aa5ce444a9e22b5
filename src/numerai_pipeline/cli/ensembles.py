"""Prints what the weights and the members of an ensemble are worth."""

from typing import TYPE_CHECKING

from numerai_pipeline.api import Ensembled
from numerai_pipeline.cli.scores import STYLES, plus_minus, print_correlations
from numerai_pipeline.cli.tables import Cell, echo, format_value, print_table

if TYPE_CHECKING:
    from numerai_pipeline.scoring import Difference


def print_ensembled(result: Ensembled) -> None:
    """Print the kinds of weights beside each other, then the members."""
    eras = result.eras
    where = f"{len(eras)} {result.joined.on} eras {eras[0]:04d} to {eras[-1]:04d}"
    print_table(
        f"Weights on {where}, learned from earlier eras",
        ["weights", "", "mean ±95 %", "minus equal ±95 %", "verdict"],
        list(_weightings(result)),
        padding=0,
    )
    names = result.joined.names
    print_table(
        "Weights for live data",
        ["member", "run", *result.weights],
        [
            (
                name,
                member.run,
                *(Cell(f"{one.live[place]:.3f}") for one in result.weights.values()),
            )
            for place, (name, member) in enumerate(
                zip(names, result.run.members, strict=True)
            )
        ],
    )
    _print_members(result)
    print_correlations(
        "Correlation of the members' predictions", names, result.correlations
    )
    for note in result.notes:
        echo(note)
    name = result.run.name
    echo(f"weights of {name}: {result.kind}; run: {format_value(result.run.folder)}")
    then = f"nai score {name} or nai predict {name}"
    if not result.is_production:
        then = f"this run does not predict live data yet: nai promote {name}"
    echo(f"next: {then}")


def _weightings(result: Ensembled) -> "list[tuple[object, ...]]":
    pairs = {(one.first, one.metric): one for one in result.comparison.pairs}
    rows: list[tuple[object, ...]] = []
    for one in result.comparison.weighted:
        for place, (metric, scores) in enumerate(one.scores.items()):
            found = scores.summary(horizon=result.horizon)
            pair = pairs.get((one.kind, metric))
            verdict = pair.verdict if pair else ""
            rows.append(
                (
                    one.kind if place == 0 else "",
                    metric,
                    Cell(plus_minus(found.mean, found.low, ".4f")),
                    _minus(pair.difference) if pair else Cell(""),
                    Cell(verdict, STYLES.get(verdict, ""), is_number=False),
                )
            )
    return rows


def _print_members(result: Ensembled) -> None:
    metrics = list(result.comparison.weighted[0].scores)
    print_table(
        "What each member adds: the ensemble minus the one without it, ±95 %",
        ["member", *metrics],
        [
            (one.name, *(_minus(one.differences[metric]) for metric in metrics))
            for one in result.contributions
        ],
        padding=0,
    )


def _minus(found: "Difference") -> Cell:
    return Cell(plus_minus(found.mean, found.low, "+.4f"))
