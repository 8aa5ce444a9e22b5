"""`nai simulate` and `nai demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from numerai_pipeline.cli.demo import DEMO_FOLDER, run_demo
from numerai_pipeline.cli.shell import Shell, say
from numerai_pipeline.core import ConfigError

if TYPE_CHECKING:
    from numerai_simulator import Clock

# Also the port in the demo's numerai.toml; nothing well-known lives there.
DEFAULT_PORT = 8437


def simulate(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option(help="Where the tournament's market and state live.")
    ] = Path("simulator"),
    size: Annotated[
        str | None,
        typer.Option(help="tiny, small or full; small for a new folder."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another market.")] = 1,
    train_eras: Annotated[
        int | None, typer.Option(help="Training eras, if not the size's own.")
    ] = None,
    validation_eras: Annotated[
        int | None, typer.Option(help="Validation eras, if not the size's own.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="A loopback address; no other is taken.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = DEFAULT_PORT,
    clock: Annotated[
        str,
        typer.Option(
            help="virtual: stands until it is moved by POST /admin/clock; "
            "system: this machine's; or a moment such as 2026-11-24T12:05Z."
        ),
    ] = "virtual",
) -> None:
    """Run a simulated tournament on this machine until Ctrl-C.

    numerapi, Numerai's own client, talks to it unchanged: set its URL constant, and
    the keys SIMULATED and SIMULATED.
    """
    import numerai_simulator as simulator
    from numerai_pipeline.python import simulator_errors

    shell: Shell = context.obj
    is_new = not (folder / "market.json").is_file()
    eras = {"n_train_eras": train_eras, "n_validation_eras": validation_eras}
    given = {key: value for key, value in eras.items() if value is not None}

    def announce(url: str) -> None:
        say(f"simulated tournament at {url}, keys SIMULATED and SIMULATED")
        say(f"export NUMERAI_API_URL={url}")
        say("in numerai.toml: [tournament] simulated = true")
        say("Ctrl-C ends it; the same command goes on where it stopped")

    with simulator_errors():
        spec = None
        if is_new or size:
            spec = simulator.preset(size or "small", seed=seed, **given)
        with simulator.open_simulator(
            folder, spec, clock=_clock(clock), progress=shell.progress
        ) as opened:
            simulator.serve(opened, host=host, port=port, ready=announce)


def demo(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option(help="The demo's workspace; delete it to start over.")
    ] = DEMO_FOLDER,
    size: Annotated[str, typer.Option(help="tiny, small or full.")] = "small",
    predict: Annotated[
        bool,
        typer.Option("--predict", help="Only the open round: predict and submit."),
    ] = False,
    next_round: Annotated[
        bool,
        typer.Option("--next", help="With --predict: let the next round open first."),
    ] = False,
) -> None:
    """Play the whole tournament on this machine: no account, no internet.

    Simulated market, download, shards, two trained models, scores per era, live
    predictions, submissions, and what they scored.
    """
    shell: Shell = context.obj
    run_demo(
        folder,
        size,
        port=DEFAULT_PORT,
        is_round_only=predict,
        is_next_round=next_round,
        progress=shell.progress,
    )


def _clock(words: str) -> "Clock | None":
    from numerai_simulator import SystemClock, VirtualClock, parse_time

    if words == "virtual":
        return None
    if words == "system":
        return SystemClock()
    try:
        return VirtualClock(parse_time(words))
    except ValueError as error:
        raise ConfigError(
            f"--clock {words} is neither virtual nor system nor a moment: {error}."
        ) from None


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog="Example: nai simulate --size small --folder simulator")(
        simulate
    )
    app.command(epilog="Example: nai demo --folder demo")(demo)
