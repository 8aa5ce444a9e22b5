"""The data files and their addresses."""

from ariadne import QueryType

from numerai_simulator.errors import NO_ROUND, Refusal, not_simulated
from numerai_simulator.server.files import is_live
from numerai_simulator.server.resolvers.context import Info, classic_only

query = QueryType()


@query.field("listDatasets")
def resolve_list_datasets(
    _: None,
    info: Info,
    *,
    tournament: int | None = None,
    **_round: int | None,
) -> list[str]:
    """List all files; they are the same in every round."""
    classic_only(tournament)
    return info.context.simulator.files.names()


@query.field("dataset")
def resolve_dataset(
    _: None,
    info: Info,
    *,
    filename: str,
    tournament: int | None = None,
    **arguments: int | None,
) -> str:
    """Return the url of a file; live data of the latest round, or of one asked for.

    Any round may be named with a file that is the same in every round, as
    Numerai's notebooks do.
    """
    classic_only(tournament)
    context = info.context
    timetable = context.simulator.timetable
    latest = timetable.latest_opened(context.now)
    number = arguments.get("round") or latest
    if is_live(filename):
        if latest < timetable.first_round:
            raise Refusal(NO_ROUND)
        if not timetable.first_round <= number <= latest:
            raise not_simulated(
                f"live data of round {number}, only of {timetable.first_round} to "
                f"{latest}"
            )
    return context.base_url + context.simulator.files.address(filename, number)
