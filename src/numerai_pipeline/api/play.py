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
    """The commands that need neither an account nor a workspace."""

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

        numerapi, Numerai's own client, works with it unchanged: set its URL constant,
        and use SIMULATED for both keys.

        Args:
            folder: Folder of the market and its state; an existing one resumes.
            size: Size of a new market: tiny, small or full; by default small.
            seed: Seed of the market.
            train_eras: Number of training eras; default depends on the size.
            validation_eras: Number of validation eras; default depends on the size.
            models: Models of the simulated account.
            host: Address; only loopback addresses are allowed.
            port: Port; 0 for a free one.
            clock: virtual: stands still until POST /admin/clock moves it; system: this
                machine's; or a moment such as 2026-11-24T12:05Z.

        Returns:
            Its ``url``, ``move_to()`` and ``stop()``.

        Raises:
            ConfigError: if the size is unknown, the folder has another market or is in
                use by another process, or the port is taken.

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
        folder: Annotated[Folder | None, Cli(option="--folder")] = None,
        *,
        size: str = "small",
        predict: bool = False,
        next_round: Annotated[bool, Cli(option="--next")] = False,
    ) -> "DemoResult":
        """Run the whole tournament on this machine, without account or internet.

        It simulates a market, downloads its data, makes shards, trains and scores two
        models, predicts and submits live data, and shows the scores a simulated month
        later. Steps that an earlier demo finished are not repeated.

        Args:
            folder: The demo's workspace, by default demo or that of --workspace; delete
                it to start over.
            size: Size of the market: tiny, small or full.
            predict: Only predict and submit the open round.
            next_round: With --predict: first move the clock to the next round.

        Examples:
            nai demo --folder demo
        """
        from numerai_pipeline.api.demo import play

        is_here = self.workspace.root == Path()
        default = Path("demo") if is_here else self.workspace.root
        return play(
            Path(folder) if folder else default,
            size,
            is_round_only=predict,
            is_next_round=next_round,
            progress=self.progress,
            show_step=self.show_step,
        )
