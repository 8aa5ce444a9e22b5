"""The command ``leak-check`` and what it returns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.membership import is_ensemble_name
from numerai_pipeline.api.outcomes import Outcomes, each
from numerai_pipeline.api.parameters import Cli, Names, names_of
from numerai_pipeline.api.production import find_run, tested_run
from numerai_pipeline.api.scores import benchmark_files, open_shards
from numerai_pipeline.core import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from numerai_pipeline.evaluation import LeakReport
    from numerai_pipeline.training import Run


class LeakChecked(Outcomes["LeakReport"]):
    """The leak checks of models: ``checked["mlp"]`` is one model's report."""

    @property
    def exit_code(self) -> int:
        """3 if a check failed, or the highest exit code of all errors."""
        has_leak = any(report.state == "failed" for report in self.results.values())
        return max(super().exit_code, DataError.exit_code if has_leak else 0)

    def _record_of(self, result: "LeakReport") -> Any:
        return result.to_dict()

    @property
    def table(self) -> "pd.DataFrame":
        """A row per ``model`` and ``check``: state, found, findings, seconds."""
        import pandas as pd

        rows = [
            {
                "model": report.model,
                "check": check.name,
                "state": check.state,
                "found": check.found,
                "findings": len(check.findings),
                "seconds": check.seconds,
            }
            for report in self.results.values()
            for check in report.checks
        ]
        frame = pd.DataFrame(rows, columns=None if rows else ["model", "check"])
        return frame.set_index(["model", "check"])

    @property
    def findings(self) -> "pd.DataFrame":
        """A row per finding: model, check, says, file, column, era, value."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"model": report.model, "check": check.name, **vars(finding)}
                for report in self.results.values()
                for check in report.checks
                for finding in check.findings
            ]
        )


class LeakCommands(Base):
    """The command that looks for leaks."""

    def leak_check(
        self,
        names: Names = (),
        *,
        full: Annotated[bool, Cli(option="--full/--fast")] = False,
        run: str = "latest",
        force: bool = False,
    ) -> LeakChecked:
        """Check models for leaks; exit code 3 if one is found.

        Eight checks: structure of the fold, truncation, scrambled future, live parity,
        target wiring, permuted target, purge profile, and whether the score is too
        good. Several train the recipe again, on shards that are changed and then
        deleted. The result is kept as leaks.json in the run. Of an ensemble check the
        members.

        Args:
            names: Models of the workspace, NAME@RUN for a run of its own; by default
                all.
            full: All eras and trainings of full length, or a part in a minute.
            run: latest, production, or a run's name (its end is enough).
            force: Check again even if up to date.

        Returns:
            The report of each model, in the order of the names.

        Raises:
            ConfigError: if there is no such model or run, or it is an ensemble.
            DataError: if a run did not record its eras, or a file is broken.

        Examples:
            nai leak-check mlp --full
        """
        chosen = names_of(names) or tuple(self._trained_models)
        if not chosen:
            raise ConfigError(
                f"there is no trained model in {self.workspace.models_dir} to check. "
                "Run `nai train NAME` first."
            )
        return LeakChecked(
            each(
                chosen,
                lambda name: self._leaks_of(name, run, is_full=full, force=force),
            )
        )

    @property
    def _trained_models(self) -> list[str]:
        _ = self.settings  # a missing workspace is the error to report first
        runs = self.workspace.models_dir.glob("*/runs/*/DONE")
        names = sorted({path.parents[2].name for path in runs})
        return [name for name in names if not is_ensemble_name(self, name)]

    def _leaks_of(
        self, name: str, run: str, *, is_full: bool, force: bool
    ) -> "LeakReport":
        from numerai_pipeline.evaluation import check_leaks

        model, _, own = name.partition("@")
        chosen = tested_run(find_run(self, model, own or run, is_tested=True))
        if chosen.is_ensemble:
            raise ConfigError(
                f"'{name}' is an ensemble, which learns nothing itself. Check its "
                f"members: `nai leak-check {' '.join(chosen.member_names)}`."
            )
        release = chosen.data_version or self.settings.data.version
        return check_leaks(
            chosen,
            open_shards(self, chosen.recipe),
            data=self.workspace.data_dir(release),
            benchmarks=benchmark_files(self),
            predict_live=_predict_live,
            is_full=is_full,
            force=force,
            progress=self.progress,
        )


def _predict_live(
    run: "Run", live: Path
) -> "tuple[Sequence[str], npt.NDArray[np.float64]]":
    """Predict a live file through the code of a round."""
    from numerai_pipeline.core import columns
    from numerai_pipeline.prediction import predict_live

    frame = predict_live(run, live)
    return frame[columns.ID].tolist(), frame[columns.PREDICTION].to_numpy()
