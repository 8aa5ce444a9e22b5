"""A tournament on this machine: ``simulate``, ``demo``."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.parameters import Cli, Folder, Names, names_of
from numerai_pipeline.api.simulation import Simulation, clock_of, simulator_errors

if TYPE_CHECKING:
    from numerai_pipeline.api.demo import DemoResult

# Also the port in the demo's numerai.toml; nothing well-known listens there.
SIMULATOR_PORT = 8437


class PlayCommands(Base):
    """The commands that need no account; they work beside the workspace."""

    def simulate(  # noqa: PLR0913 - each is an option of its own
        self,
        folder: Annotated[Folder, Cli(option="--folder")] = "simulator",
        *,
        size: str | None = None,
        seed: int = 1,
        train_eras: int | None = None,
        validation_eras: int | None = None,
        models: Names = ("sim_mlp", "sim_lightgbm", "sim_ensemble"),
        host: str = "127.0.0.1",
        port: int = SIMULATOR_PORT,
        clock: str = "virtual",
    ) -> Simulation:
        """Run a simulated tournament on this machine until Ctrl-C.

        numerapi, Numerai's own client, talks to it unchanged: set its URL constant, and
        the keys SIMULATED and SIMULATED.

        Args:
            folder: Folder of its market and state; the same folder resumes.
            size: tiny, small or full; small for a new folder.
            seed: Another seed makes another market.
            train_eras: Number of training eras; by default that of the size.
            validation_eras: Number of validation eras; by default that of the size.
            models: Models of the simulated account.
            host: A loopback address; no other is accepted.
            port: Its port; 0 takes a free one.
            clock: virtual: stands until it is moved by POST /admin/clock; system: this
                machine's; or a moment such as 2026-11-24T12:05Z.

        Returns:
            Its ``url``, ``move_to()`` and ``stop()``.

        Raises:
            ConfigError: if there is no such size, the folder has another market or is
                in use by another process, or the port is taken.

        Examples:
            nai simulate --size small --folder simulator
        """
        from numerai_simulator import preset, running_simulator

        folder = Path(folder)
        eras = {"n_train_eras": train_eras, "n_validation_eras": validation_eras}
        given = {key: value for key, value in eras.items() if value is not None}
        is_new = not (folder / "market.json").is_file()
        resources = ExitStack()
        with simulator_errors():
            spec = None
            if is_new or size or given:
                spec = preset(size or "small", seed=seed, **given)
            running = resources.enter_context(
                running_simulator(
                    folder,
                    spec,
                    clock=clock_of(clock),
                    host=host,
                    port=port,
                    models=names_of(models),
                    progress=self.progress,
                )
            )
        return Simulation(running.url, running.simulator, resources)

    def demo(
        self,
        folder: Annotated[Folder, Cli(option="--folder")] = "demo",
        *,
        size: str = "small",
        predict: bool = False,
        next_round: Annotated[bool, Cli(option="--next")] = False,
    ) -> "DemoResult":
        """Play the whole tournament on this machine: no account, no internet.

        Simulated market, download, shards, two trained models, scores per era, live
        predictions, submissions, and their scores a simulated month later. What was
        done in an earlier run is not repeated.

        Args:
            folder: The demo's workspace; delete it to start over.
            size: Size of the market: tiny, small or full.
            predict: Only the open round: predict and submit.
            next_round: With --predict: move to the next round first.

        Examples:
            nai demo --folder demo
        """
        from numerai_pipeline.api.demo import play

        return play(
            Path(folder),
            size,
            is_round_only=predict,
            is_next_round=next_round,
            progress=self.progress,
            show_step=self.show_step,
        )
